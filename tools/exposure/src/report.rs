//! Collects problems and reads properties: the habits all checks share.

use std::fmt::Display;

use crate::devicetree::{Node, Property};
use crate::problem::{Diagnostic, Place, Problem};
use crate::text::says_something;

/// Problems found so far; checking goes on after one.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) found: Vec<Diagnostic>,
}

impl Report {
    pub(crate) fn add(&mut self, place: &Place, problem: Problem) {
        self.found.push(Diagnostic {
            place: place.clone(),
            problem,
        });
    }

    /// The value, or its problem at `place` reported.
    pub(crate) fn take<T>(&mut self, place: &Place, result: Result<T, Problem>) -> Option<T> {
        result.map_err(|problem| self.add(place, problem)).ok()
    }

    /// Every property of `node` has a meaning.
    pub(crate) fn known(&mut self, node: &Node, known: &[&str]) {
        for property in &node.properties {
            let name = property.name.as_str();
            // dtc makes a phandle for every node that is referred to.
            if name != "phandle" && !known.contains(&name) {
                let problem = Problem::UnknownProperty {
                    name: name.to_owned(),
                    known: known.join(", "),
                };
                self.add(&property.place, problem);
            }
        }
    }

    fn form(&mut self, property: &Property, form: &'static str) {
        let name = property.name.clone();
        self.add(&property.place, Problem::Form { name, form });
    }

    /// The strings of a property; none if it is absent.
    pub(crate) fn strings<'a>(
        &mut self,
        node: &'a Node,
        name: &str,
        form: &'static str,
    ) -> Vec<(Place, &'a str)> {
        let Some(property) = node.property(name) else {
            return Vec::new();
        };
        match property.strings() {
            Some(strings) => strings
                .into_iter()
                .map(|text| (property.place_of(text), text))
                .collect(),
            None => {
                self.form(property, form);
                Vec::new()
            }
        }
    }

    /// The only string of a property that may be absent.
    pub(crate) fn string<'a>(
        &mut self,
        node: &'a Node,
        name: &str,
        form: &'static str,
    ) -> Option<&'a str> {
        let property = node.property(name)?;
        let text = node.string(name);
        if text.is_none() {
            self.form(property, form);
        }
        text
    }

    /// The same of one that says why: what says nothing is none.
    pub(crate) fn reason<'a>(
        &mut self,
        node: &'a Node,
        name: &str,
        form: &'static str,
    ) -> Option<&'a str> {
        let property = node.property(name)?;
        let text = node.string(name).filter(|text| says_something(text));
        if text.is_none() {
            self.form(property, form);
        }
        text
    }

    /// The only cell of a property that may be absent, within a range.
    pub(crate) fn cell(
        &mut self,
        node: &Node,
        name: &str,
        form: &'static str,
        (min, max): (u32, u32),
    ) -> Option<u32> {
        let property = node.property(name)?;
        let Some(value) = node.cell(name) else {
            self.form(property, form);
            return None;
        };
        let problem = range(name, value.into(), min.into(), max.into());
        self.take(&property.place, problem).map(|()| value)
    }

    /// One of the words that a property knows.
    pub(crate) fn word<T: Copy>(
        &mut self,
        node: &Node,
        name: &str,
        form: &'static str,
        words: &[(&str, T)],
    ) -> Option<T> {
        let property = node.property(name)?;
        let text = self.string(node, name, form)?;
        let known = words.iter().find(|(word, _)| *word == text);
        if known.is_none() {
            let problem = Problem::Word {
                name: name.to_owned(),
                word: text.to_owned(),
                known: list(words.iter().map(|(word, _)| word)),
            };
            self.add(&property.place, problem);
        }
        known.map(|(_, meaning)| *meaning)
    }
}

/// That a number lies in its range.
pub(crate) fn range(name: &str, value: u64, min: u64, max: u64) -> Result<(), Problem> {
    if (min..=max).contains(&value) {
        return Ok(());
    }
    Err(Problem::Range {
        name: name.to_owned(),
        value,
        min,
        max,
    })
}

/// `a, b, c`.
pub(crate) fn list(items: impl Iterator<Item = impl Display>) -> String {
    let items: Vec<_> = items.map(|item| item.to_string()).collect();
    items.join(", ")
}
