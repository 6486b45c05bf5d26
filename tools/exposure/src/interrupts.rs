//! Interrupts of an exposed block: which, how their source is cleared, how much is
//! captured.

use crate::devicetree::Node;
use crate::model::{Interrupt, Limits};
use crate::problem::Problem;
use crate::registers::{CLEAR_FORM, RAISED_FORM, Registers};
use crate::report::{Report, list};

/// Check the properties of `node`; `lines` are the names and lines the block has.
pub(crate) fn interrupts(
    node: &Node,
    registers: &Registers,
    lines: &[(&str, Result<u32, String>)],
    limits: &Limits,
    report: &mut Report,
) -> Vec<Interrupt> {
    let names = report.strings(node, "interrupts", "\"<name>\", ...");
    needs(node, report);
    let clears: Vec<_> = report
        .strings(node, "clear", CLEAR_FORM)
        .into_iter()
        .map(|(place, text)| report.take(&place, registers.clear(text)))
        .collect();
    if let Some(property) = node.property("clear")
        && clears.len() != names.len()
    {
        let problem = Problem::ClearCount {
            clears: clears.len(),
            interrupts: names.len(),
        };
        report.add(&property.place, problem);
    }
    let raised: Vec<_> = report
        .strings(node, "raised", RAISED_FORM)
        .into_iter()
        .map(|(place, text)| report.take(&place, registers.raised(text)))
        .collect();
    if let Some(property) = node.property("raised")
        && raised.len() != names.len()
    {
        let problem = Problem::RaisedCount {
            raised: raised.len(),
            interrupts: names.len(),
        };
        report.add(&property.place, problem);
    }
    const ORDER: &str = "clear-order = \"before-capture\" or \"after-capture\"";
    let orders = [("before-capture", true), ("after-capture", false)];
    let clear_before_capture = report.word(node, "clear-order", ORDER, &orders);
    let captures = (1, limits.captures);
    let captures_max = report.cell(node, "captures-max", "captures-max = <number>", captures);

    let mut found: Vec<Interrupt> = Vec::new();
    let clears = clears.into_iter().chain(std::iter::repeat(None));
    let raised = raised.into_iter().chain(std::iter::repeat(None));
    let rules = clears.zip(raised);
    for ((place, name), (clear, raised)) in names.into_iter().zip(rules) {
        if found.iter().any(|other| other.name == name) {
            report.add(&place, Problem::InterruptTwice(name.to_owned()));
            continue;
        }
        let mut named = lines.iter().filter(|(known, _)| *known == name);
        let first = named.next();
        if named.next().is_some() {
            let problem = Problem::InterruptNamedTwice {
                label: registers.label.to_owned(),
                name: name.to_owned(),
            };
            report.add(&place, problem);
            continue;
        }
        let Some((_, line)) = first else {
            let known = list(lines.iter().map(|(known, _)| known));
            let problem = Problem::NoInterrupt {
                label: registers.label.to_owned(),
                name: name.to_owned(),
                known: match known.as_str() {
                    "" => "remove it, the block has none".to_owned(),
                    _ => format!("use one of: {known}"),
                },
            };
            report.add(&place, problem);
            continue;
        };
        let line = line.clone().map_err(|reason| Problem::InterruptLine {
            label: registers.label.to_owned(),
            name: name.to_owned(),
            reason,
        });
        let Some(line) = report.take(&place, line) else {
            continue;
        };
        found.push(Interrupt {
            name: name.to_owned(),
            line,
            clear,
            clear_before_capture: clear_before_capture.unwrap_or(false),
            raised,
            captures_max: captures_max.unwrap_or(0),
        });
    }
    found
}

/// Which property makes sense only beside which other.
fn needs(node: &Node, report: &mut Report) {
    const PAIRS: [(&str, &str); 5] = [
        ("raised", "clear"),
        ("clear", "interrupts"),
        ("clear", "clear-order"),
        ("clear-order", "clear"),
        ("captures-max", "interrupts"),
    ];
    for (name, needs) in PAIRS {
        if let Some(property) = node.property(name)
            && !node.has(needs)
        {
            report.add(&property.place, Problem::Needs { name, needs });
        }
    }
}
