//! What dtc prints of a source.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::devicetree::{Node, clean, parse, refer};
use crate::problem::{Diagnostic, Place, Problem};

/// What dtc prints of a source with everything it includes.
#[derive(Clone, Debug)]
pub struct Printed {
    /// The tree.
    pub tree: String,
    /// The same tree with other phandles: what differs is a reference.
    pub renumbered: String,
}

impl Printed {
    /// Has dtc print the source at `path`.
    ///
    /// # Errors
    ///
    /// What dtc has to say.
    pub fn of(path: &Path) -> Result<Self, Vec<Diagnostic>> {
        let at = |problem| at(path, problem);
        // What dtc prints of a file with such a name is not one place a line.
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let odd = |c: char| c.is_control() || c == '"';
        if absolute.to_string_lossy().contains(odd) {
            return Err(at(Problem::References));
        }
        // A name that begins with a dash is no option.
        let file = match path.to_string_lossy().starts_with('-') {
            true => Path::new(".").join(path),
            false => path.to_owned(),
        };
        let output = print(file.as_os_str(), "").map_err(|error| at(Problem::NoDtc(error)))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let errors: Vec<_> = said.lines().filter_map(refusal).collect();
            return Err(if errors.is_empty() {
                let first = said.lines().next().unwrap_or("dtc says nothing");
                at(Problem::Dtc(first.to_owned()))
            } else {
                errors
            });
        }
        let tree = String::from_utf8_lossy(&output.stdout).into_owned();
        let root = parse(&tree).map_err(|line| unreadable(path, &line))?;
        let output = print("-".as_ref(), &renumbered(&absolute, &root))
            .map_err(|error| at(Problem::NoDtc(error)))?;
        let renumbered = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok(Self { tree, renumbered })
    }

    /// The root of the tree, printed of the source at `path`.
    pub(crate) fn root(&self, path: &Path) -> Result<Node, Vec<Diagnostic>> {
        let mut root = parse(&self.tree).map_err(|line| unreadable(path, &line))?;
        if root.place.line == 0 {
            // dtc says nothing of an overlay's root.
            let file = path.to_owned();
            root.place = Place { file, line: 1 };
        }
        let other = parse(&self.renumbered).map_err(|_| at(path, Problem::References))?;
        refer(&mut root, &other);
        Ok(root)
    }
}

fn at(path: &Path, problem: Problem) -> Vec<Diagnostic> {
    let place = Place {
        file: path.to_owned(),
        line: 1,
    };
    vec![Diagnostic { place, problem }]
}

fn unreadable(path: &Path, line: &str) -> Vec<Diagnostic> {
    at(path, Problem::Unreadable(line.trim().to_owned()))
}

/// What dtc prints of the source in a file, or of `source` for the file `-`.
fn print(file: &OsStr, source: &str) -> Result<Output, String> {
    let mut dtc = Command::new("dtc")
        // Twice "annotate": places with beginning and end. Quiet: warnings of
        // bindings that do not concern us.
        .args(["-q", "-T", "-T", "-I", "dts", "-O", "dts"])
        .arg(file)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    if let Some(mut input) = dtc.stdin.take() {
        // What dtc does not read, it does not want.
        let _ = input.write_all(source.as_bytes());
    }
    dtc.wait_with_output().map_err(|error| error.to_string())
}

/// The name of the node that holds phandles.
const HOLDER: &str = "berth,phandles";

/// The same source, in which dtc gives other phandles to nodes: those that it gave before are taken. What differs in
/// its print is a reference, and everything else, a number that looks like one, is not.
fn renumbered(path: &Path, root: &Node) -> String {
    let given = root.all().into_iter();
    let given = given.filter(|node| node.stated_phandle().is_none());
    let given = given.filter_map(|node| node.cell("phandle"));
    let holders: String = given
        .map(|phandle| format!("a{phandle} {{ phandle = <{phandle}>; }};\n"))
        .collect();
    format!(
        "/include/ \"{}\"\n/ {{ {HOLDER} {{\n{holders}}}; }};\n",
        path.display()
    )
}

/// One of dtc's errors: `[Error: ]FILE:LINE.COLUMN[-…] [ERROR (check): ]what`.
fn refusal(line: &str) -> Option<Diagnostic> {
    let line = line.strip_prefix("Error: ").unwrap_or(line);
    // The first `:LINE.COLUMN`: names of files have spaces.
    let (file, number, what) = line.match_indices(':').find_map(|(at, _)| {
        let (number, rest) = line.get(at + 1..)?.split_once('.')?;
        let (_, what) = rest.split_once(' ')?;
        let digit = rest.starts_with(|c: char| c.is_ascii_digit());
        let number = number.parse().ok().filter(|_| digit)?;
        Some((line.get(..at)?, number, what))
    })?;
    let what = match what.split_once("): ") {
        Some((check, message)) if check.starts_with("ERROR (") => message,
        _ => what,
    };
    Some(Diagnostic {
        place: Place {
            file: clean(file),
            line: number,
        },
        problem: Problem::Dtc(what.to_owned()),
    })
}
