//! Who uses whom among the supervisor's files: no circle goes through containers or the arena.
//!
//! A circle of imports is nearly always a type that wants a file of its own. What a `mod.rs` only hands on counts as
//! use of the file that has it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use syn::visit::{self, Visit};
use syn::{Attribute, Item, UseTree};

/// A module's path, without `crate`.
type Name = Vec<String>;

/// What one file says.
#[derive(Default)]
struct File {
    /// Everything of this crate that it names, as paths from the crate's root.
    named: BTreeSet<Name>,
    /// What it hands on: the name under which, and what it is.
    handed_on: BTreeMap<String, Name>,
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let tokens = match &attribute.meta {
            syn::Meta::List(list) => list.tokens.to_string(),
            _ => String::new(),
        };
        // The platform in memory is for tests, too.
        attribute.path().is_ident("cfg") && (tokens == "test" || tokens.contains("not (target_os"))
    })
}

/// Reads one file.
struct Reader<'a> {
    module: &'a Name,
    children: BTreeSet<String>,
    file: File,
}

impl Reader<'_> {
    /// The path from the crate's root, if it is of this crate.
    fn absolute(&self, path: &[String]) -> Option<Name> {
        let first = path.first()?.as_str();
        let mut base = self.module.clone();
        let mut rest = path;
        match first {
            "crate" => {
                base.clear();
                rest = &path[1..];
            }
            "self" => rest = &path[1..],
            "super" => {
                while rest.first().is_some_and(|part| part == "super") {
                    base.pop();
                    rest = &rest[1..];
                }
            }
            child if self.children.contains(child) => {}
            _ => return None,
        }
        base.extend_from_slice(rest);
        Some(base)
    }

    fn tree(&mut self, tree: &UseTree, before: &mut Vec<String>, public: bool) {
        let mut leaf = |before: &[String], name: &str, shown: &str| {
            let path: Vec<String> = before.iter().cloned().chain([name.to_owned()]).collect();
            if let Some(path) = self.absolute(&path) {
                if public {
                    self.file.handed_on.insert(shown.to_owned(), path);
                } else {
                    self.file.named.insert(path);
                }
            }
        };
        match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.tree(&path.tree, before, public);
                before.pop();
            }
            UseTree::Name(name) => leaf(before, &name.ident.to_string(), &name.ident.to_string()),
            UseTree::Rename(rename) => {
                leaf(
                    before,
                    &rename.ident.to_string(),
                    &rename.rename.to_string(),
                );
            }
            UseTree::Glob(_) => leaf(before, "*", "*"),
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.tree(tree, before, public);
                }
            }
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        let (attributes, public) = match item {
            Item::Mod(item) => (&item.attrs, false),
            Item::Impl(item) => (&item.attrs, false),
            Item::Fn(item) => (&item.attrs, false),
            Item::Use(item) => (&item.attrs, !matches!(item.vis, syn::Visibility::Inherited)),
            _ => return visit::visit_item(self, item),
        };
        if is_for_tests(attributes) {
            return;
        }
        match item {
            Item::Use(item) => self.tree(&item.tree, &mut Vec::new(), public),
            _ => visit::visit_item(self, item),
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let parts: Vec<String> = path.segments.iter().map(|s| s.ident.to_string()).collect();
        if parts.len() > 1
            && matches!(parts[0].as_str(), "crate" | "super" | "self")
            && let Some(path) = self.absolute(&parts)
        {
            self.file.named.insert(path);
        }
        visit::visit_path(self, path);
    }
}

/// All files of the crate that are not for tests.
fn files() -> BTreeMap<Name, File> {
    let mut found = BTreeMap::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    read(&root.join("lib.rs"), &root, &Vec::new(), &mut found);
    found
}

/// Reads the file of `module`, whose modules lie in `folder`, and those.
fn read(path: &Path, folder: &Path, module: &Name, found: &mut BTreeMap<Name, File>) {
    let text = fs::read_to_string(path).unwrap();
    let parsed = syn::parse_file(&text).unwrap();
    let mut children = BTreeSet::new();
    for item in &parsed.items {
        if let Item::Mod(item) = item
            && item.content.is_none()
            && !is_for_tests(&item.attrs)
        {
            children.insert(item.ident.to_string());
        }
    }
    let mut reader = Reader {
        module,
        children: children.clone(),
        file: File::default(),
    };
    reader.visit_file(&parsed);
    let file = reader.file;
    found.insert(module.clone(), file);
    for child in children {
        let inner = folder.join(&child);
        let beside = folder.join(format!("{child}.rs"));
        let path = if beside.exists() {
            beside
        } else {
            inner.join("mod.rs")
        };
        let module: Name = module.iter().cloned().chain([child]).collect();
        read(&path, &inner, &module, found);
    }
}

/// The file in which `path` is, through all that is only handed on.
fn home(files: &BTreeMap<Name, File>, path: &Name) -> Name {
    let mut path = path.clone();
    // Chains are short.
    for _ in 0..8 {
        let place = (0..=path.len())
            .rev()
            .find(|n| files.contains_key(&path[..*n]))
            .unwrap();
        let module = path[..place].to_vec();
        let handed_on = path
            .get(place)
            .and_then(|name| files[&module].handed_on.get(name));
        match handed_on {
            Some(other) => {
                let rest = path[place + 1..].to_vec();
                path = other.iter().cloned().chain(rest).collect();
            }
            None => return module,
        }
    }
    panic!("{path:?} is handed on in a circle");
}

/// Which file uses which.
fn graph() -> BTreeMap<String, BTreeSet<String>> {
    let files = files();
    let show = |name: &Name| name.join("::");
    files
        .iter()
        .map(|(module, file)| {
            let used = file.named.iter().map(|path| home(&files, path));
            (
                show(module),
                used.filter(|other| other != module)
                    .map(|n| show(&n))
                    .collect(),
            )
        })
        .collect()
}

/// A way from `from` to `to`, `from` included.
fn way(graph: &BTreeMap<String, BTreeSet<String>>, from: &str, to: &str) -> Option<Vec<String>> {
    let mut ways = vec![vec![from.to_owned()]];
    let mut seen = BTreeSet::from([from.to_owned()]);
    while let Some(way) = ways.pop() {
        for next in &graph[way.last().unwrap()] {
            if next == to {
                return Some(way);
            }
            if seen.insert(next.clone()) {
                ways.push(way.iter().cloned().chain([next.clone()]).collect());
            }
        }
    }
    None
}

#[test]
fn no_circle_of_files_goes_through_containers_or_the_arena() {
    let graph = graph();
    let used: usize = graph.values().map(BTreeSet::len).sum();
    println!("{} files, {used} uses of one by another", graph.len());
    assert!(
        graph.len() > 50 && used > 150,
        "{} files, {used} uses",
        graph.len()
    );
    assert!(
        graph["container::running"].contains("container::run"),
        "a use is not seen"
    );
    let circles: Vec<String> = graph
        .keys()
        .filter(|file| file.starts_with("container") || file.starts_with("arena"))
        .filter_map(|file| Some(way(&graph, file, file)?.join(" -> ")))
        .collect();
    assert!(circles.is_empty(), "{circles:#?}");
}

/// The rows of the drawing in `container/mod.rs`: which files each names.
fn rows() -> Vec<Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/container/mod.rs");
    let text = fs::read_to_string(path).unwrap();
    let drawing = text.split("//! ```").nth(1).unwrap();
    let rows = drawing.lines().filter_map(|line| {
        let row = line.strip_prefix("//!   ")?;
        let (files, _) = row.split_once("  ")?;
        Some(files.split(", ").map(str::to_owned).collect())
    });
    rows.collect()
}

#[test]
fn files_of_containers_use_those_above_them_in_the_drawing_only() {
    let graph = graph();
    let rows = rows();
    let row_of = |file: &str| rows.iter().position(|row| row.iter().any(|f| f == file));
    let mut wrong = Vec::new();
    for (file, used) in &graph {
        let Some(name) = file.strip_prefix("container::") else {
            continue;
        };
        let Some(row) = row_of(name) else {
            wrong.push(format!("{name} is not in the drawing"));
            continue;
        };
        for other in used.iter().filter_map(|f| f.strip_prefix("container::")) {
            if row_of(other).is_some_and(|above| above > row) {
                wrong.push(format!("{name} uses {other}, which is below"));
            }
        }
    }
    for file in rows.iter().flatten() {
        if !graph.contains_key(&format!("container::{file}")) {
            wrong.push(format!("{file} is drawn and is no file"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn service_and_shell_do_not_know_each_other_and_containers_know_neither() {
    let graph = graph();
    let is_of = |file: &str, part: &str| file == part || file.starts_with(&format!("{part}::"));
    let mut wrong = Vec::new();
    for (from, to) in [
        ("service", "shell"),
        ("shell", "service"),
        ("container", "service"),
        ("container", "shell"),
        ("container", "supervisor"),
        ("engine", "container"),
        ("arena", "container"),
        ("arena", "engine"),
        ("service", "supervisor"),
        ("shell", "supervisor"),
        ("shell", "container"),
        ("platform", "container"),
    ] {
        assert!(graph.keys().any(|file| is_of(file, from)), "{from}");
        assert!(graph.keys().any(|file| is_of(file, to)), "{to}");
        for (file, used) in graph.iter().filter(|(file, _)| is_of(file, from)) {
            for other in used.iter().filter(|other| is_of(other, to)) {
                wrong.push(format!("{file} uses {other}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
