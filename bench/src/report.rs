//! The figures for machines (`results.json`) and for people (`docs/measurements.md`).

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};

use crate::figure::{Figure, Group, number};

/// What is between these lines in the page is written by `make bench`.
const BEGIN: &str = "<!-- make bench: begin -->";
const END: &str = "<!-- make bench: end -->";

/// Add the figures to the flat object in `path`; others that stand there stay.
///
/// # Errors
/// If the file cannot be read or written.
pub fn write_json(path: &Path, groups: &[Group]) -> Result<()> {
    let mut all: Map<String, Value> = match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .with_context(|| format!("{} is not a flat JSON object", path.display()))?,
        Err(_) => Map::new(),
    };
    for figure in groups.iter().flat_map(|group| &group.figures) {
        all.insert(figure.key.name.to_owned(), json_number(figure.value));
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, serde_json::to_string_pretty(&all)? + "\n")
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Whole numbers without a decimal point.
fn json_number(value: f64) -> Value {
    #[allow(clippy::cast_possible_truncation)]
    let whole = value as i64;
    #[allow(clippy::cast_precision_loss)]
    if whole as f64 == value {
        whole.into()
    } else {
        value.into()
    }
}

/// Replace the tables in the page at `path` and the pictures beside it; of `some` groups, if these are not all, only theirs.
///
/// # Errors
/// If a file cannot be read or written, or the page does not say where the tables go.
pub fn write_page(path: &Path, groups: &[Group], some: bool) -> Result<()> {
    let mut page =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    if some {
        for group in groups {
            page = replace_group(&page, group).with_context(|| format!("in {}", path.display()))?;
        }
    } else {
        page = replace(&page, &tables(groups)).with_context(|| format!("in {}", path.display()))?;
    }
    let folder = path.with_extension("");
    for plot in groups.iter().flat_map(|group| &group.plots) {
        std::fs::create_dir_all(&folder)?;
        let file = folder.join(plot.name).with_extension("svg");
        std::fs::write(&file, plot.svg())
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    std::fs::write(path, page).with_context(|| format!("cannot write {}", path.display()))
}

/// The page with this group's part replaced, or as the last one if it has none yet.
fn replace_group(page: &str, group: &Group) -> Result<String> {
    let head = format!("\n## {}\n", group.title);
    let new = || {
        let (before, rest) = page.split_at(page.find(END)?);
        Some((before.trim_end_matches('\n'), rest))
    };
    let Some((before, rest)) = page.split_once(&head).or_else(new) else {
        bail!("there is no line {END}");
    };
    let end = ["\n## ", END].iter().filter_map(|end| rest.find(end)).min();
    let Some((_, after)) = end.and_then(|end| rest.split_at_checked(end)) else {
        bail!("there is no line {END}");
    };
    let tables = tables(std::slice::from_ref(group));
    let end = if after.starts_with('\n') { "" } else { "\n" };
    Ok(format!(
        "{}\n{}{end}{after}",
        before.trim_end_matches('\n'),
        tables.trim_end_matches('\n').to_owned() + "\n"
    ))
}

fn replace(page: &str, tables: &str) -> Result<String> {
    let Some((before, rest)) = page.split_once(BEGIN) else {
        bail!("there is no line {BEGIN}");
    };
    let Some((_, after)) = rest.split_once(END) else {
        bail!("there is no line {END}");
    };
    Ok(format!("{before}{BEGIN}\n{tables}{END}{after}"))
}

/// The groups as Markdown.
#[must_use]
pub fn tables(groups: &[Group]) -> String {
    let mut out = String::new();
    for group in groups {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "\n## {}\n\n{}\n", group.title, group.how);
        let _ = writeln!(
            out,
            "| key | what | unit | ours | elsewhere | must | goal | |\n\
             | --- | --- | --- | ---: | ---: | ---: | ---: | --- |"
        );
        for figure in &group.figures {
            let _ = writeln!(out, "{}", row(figure));
        }
        if !group.more.is_empty() {
            let _ = write!(out, "\n{}", group.more);
        }
    }
    out.push('\n');
    out
}

fn row(figure: &Figure) -> String {
    let key = &figure.key;
    let limit =
        |limit: Option<f64>| limit.map_or(String::new(), |limit| format!("≤ {}", number(limit)));
    let reference = key.reference.map_or(String::new(), |(place, value)| {
        format!("{} ({place})", number(value))
    });
    let verdict = match (figure.within_must(), figure.within_goal()) {
        _ if key.must.is_none() && key.goal.is_none() => "",
        (false, _) => "**missed**",
        (true, false) => "must",
        (true, true) => "met",
    };
    format!(
        "| `{}` | {} | {} | {} | {reference} | {} | {} | {verdict} |",
        key.name,
        key.what,
        key.unit.name(),
        number(figure.value),
        limit(key.must),
        limit(key.goal),
    )
}

/// How far a figure may move without being told, in hundredths of what the page says.
const QUIET: f64 = 2.0;

/// What moved by more than two hundredths against the figures in the page: a line each.
#[must_use]
pub fn moved(page: &str, groups: &[Group]) -> Vec<String> {
    let before: Vec<_> = page.lines().filter_map(written).collect();
    let figures = groups.iter().flat_map(|group| &group.figures);
    figures
        .filter_map(|figure| {
            let name = figure.key.name;
            let (_, before) = before.iter().find(|(key, _)| *key == name)?;
            let moved = (figure.value - before) / before.max(f64::MIN_POSITIVE) * 100.0;
            (moved.abs() > QUIET).then(|| {
                let (before, now) = (number(*before), number(figure.value));
                format!("{name}: {before} before, {now} now ({moved:+.1} %)")
            })
        })
        .collect()
}

/// Key and figure of a row of the page.
fn written(line: &str) -> Option<(&str, f64)> {
    let mut cells = line.split('|').map(str::trim);
    let key = cells.nth(1)?.strip_prefix('`')?.strip_suffix('`')?;
    let value = cells.nth(2)?.replace(',', "").parse().ok()?;
    Some((key, value))
}

/// The figures that are beyond what they must be within.
#[must_use]
pub fn missed(groups: &[Group]) -> Vec<&'static str> {
    let figures = groups.iter().flat_map(|group| &group.figures);
    figures
        .filter(|figure| !figure.within_must())
        .map(|figure| figure.key.name)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::{Key, Unit};

    fn group(value: f64) -> Vec<Group> {
        let key = Key {
            name: "a.b",
            unit: Unit::Instructions,
            what: "Something",
            reference: Some(("upstream", 2761.0)),
            must: Some(1380.0),
            goal: Some(1300.0),
        };
        vec![Group {
            title: "Things",
            how: "So.",
            figures: vec![Figure { key, value }],
            ..Group::default()
        }]
    }

    #[test]
    fn a_row_says_how_far_it_got() {
        for (value, verdict) in [(1300.0, "met"), (1380.0, "must"), (1380.5, "**missed**")] {
            let table = tables(&group(value));
            let end = format!("| 2,761 (upstream) | ≤ 1,380 | ≤ 1,300 | {verdict} |\n");
            assert!(table.contains(&end), "{table}");
        }
    }

    #[test]
    fn a_group_takes_its_part_of_the_page_or_gets_one() {
        let page = format!("head\n\n{BEGIN}\n{}{END}\ntail\n", tables(&group(1.0)));
        let other = Group {
            title: "Others",
            ..group(2.0).remove(0)
        };
        let with_both = replace_group(&page, &other).unwrap();
        let mut whole = group(1.0);
        whole.push(other);
        assert_eq!(
            with_both,
            format!("head\n\n{BEGIN}\n{}{END}\ntail\n", tables(&whole))
        );
        assert_eq!(
            replace_group(&with_both, &group(1.0)[0]).unwrap(),
            with_both
        );
        assert!(replace_group("nothing", &group(1.0)[0]).is_err());
    }

    #[test]
    fn what_moved_and_what_is_missed_is_told() {
        let page = tables(&group(1300.0));
        assert_eq!(moved(&page, &group(1310.0)), Vec::<String>::new());
        assert_eq!(
            moved(&page, &group(1400.0)),
            ["a.b: 1,300 before, 1,400 now (+7.7 %)"]
        );
        assert_eq!(moved(&page, &group(1200.0)).len(), 1);
        // What is new has not moved.
        assert_eq!(moved("no table", &group(1.0)), Vec::<String>::new());
        assert_eq!(missed(&group(1380.0)), Vec::<&str>::new());
        assert_eq!(missed(&group(1380.5)), ["a.b"]);
    }

    #[test]
    fn only_the_marked_part_of_the_page_changes() {
        let page = format!("# Head\n{BEGIN}\nold\n{END}\ntail\n");
        let new = replace(&page, "new\n").unwrap();
        assert_eq!(new, format!("# Head\n{BEGIN}\nnew\n{END}\ntail\n"));
        assert_eq!(replace(&new, "new\n").unwrap(), new);
        assert!(replace("# Head\n", "new").is_err());
    }

    #[test]
    fn only_the_part_of_a_group_changes() {
        let two = || {
            let mut groups = group(1.0);
            groups.extend(group(2.0));
            groups[1].title = "Others";
            groups
        };
        let mut groups = two();
        let page = format!("head\n{BEGIN}\n{}{END}\ntail\n", tables(&groups));
        for index in 0..2 {
            groups[index].more = "More.\n".to_owned();
            let new = replace_group(&page, &groups[index]).unwrap();
            let expected = replace(&page, &{
                let mut some = two();
                some[index].more = "More.\n".to_owned();
                tables(&some)
            });
            assert_eq!(new, expected.unwrap());
        }
    }

    #[test]
    fn results_keep_what_was_measured_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bench/results.json");
        write_json(&path, &group(1.5)).unwrap();
        let mut other = group(7.0);
        other[0].figures[0].key.name = "c.d";
        write_json(&path, &other).unwrap();
        let all: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        assert_eq!(all, serde_json::json!({"a.b": 1.5, "c.d": 7}));
    }
}
