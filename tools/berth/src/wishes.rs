//! What a package's author wishes, and what of it is granted.
//!
//! A package says how its container wants to be run. That is a wish: what the operator says comes first, and where he
//! says nothing a wish is granted within bounds, so that nobody's package takes the CPU from the others or
//! is started again for ever because its author wrote so. What was wished and what became of it is said.

use crate::cli::Wishes;
use berth_protocol::{Parameters, Restart};

/// Largest share that is granted: what a container has for which nobody says anything.
const SHARE_MAX: u8 = 50;
/// Most bytes of the interpreter's stack that are granted.
const STACK_MAX: u32 = 16 * 1024;
/// Most restarts in a row that are granted.
const RESTARTS_MAX: u8 = 5;
/// Shortest wait before the first restart that is granted, in milliseconds.
const BACKOFF_MIN_MS: u16 = 500;

/// How a container is to run, and what there is to say about it.
#[derive(Debug, PartialEq, Eq)]
pub struct Granted {
    /// How it is to run.
    pub parameters: Parameters,
    /// What the author wished and the operator said nothing about; `None` if there is no such.
    pub note: Option<String>,
}

/// What the operator chose, and where nothing, what is granted of the author's wishes.
#[must_use]
pub fn grant(chosen: Parameters, wished: Parameters, how: Wishes) -> Granted {
    let mut said = Vec::new();
    let mut parameters = chosen;
    parameters.stack = chosen.stack.or_else(|| {
        let bound = |stack: u32| stack.min(STACK_MAX);
        one(
            &mut said,
            "stack",
            wished.stack,
            bound,
            how,
            &u32::to_string,
        )
    });
    // It can only be less than without it.
    parameters.memory = chosen.memory.or_else(|| {
        let bound = |memory| memory;
        one(
            &mut said,
            "memory",
            wished.memory,
            bound,
            how,
            &u32::to_string,
        )
    });
    parameters.share = chosen.share.or_else(|| {
        let bound = |share: u8| share.min(SHARE_MAX);
        one(&mut said, "share", wished.share, bound, how, &u8::to_string)
    });
    parameters.restart = chosen
        .restart
        .or_else(|| one(&mut said, "restart", wished.restart, restart, how, &policy));
    let cut = said.iter().any(|(_, cut)| *cut);
    let words: Vec<_> = said.into_iter().map(|(words, _)| words).collect();
    let note = (!words.is_empty()).then(|| {
        let more = if cut {
            "; --wishes all grants all, --wishes none nothing"
        } else {
            ""
        };
        format!("its author wishes {}{more}", words.join(", "))
    });
    Granted { parameters, note }
}

/// What is granted of one wish.
fn one<T: Copy + PartialEq>(
    said: &mut Vec<(String, bool)>,
    what: &str,
    wished: Option<T>,
    bound: impl Fn(T) -> T,
    how: Wishes,
    words: &dyn Fn(&T) -> String,
) -> Option<T> {
    let wished = wished?;
    let granted = match how {
        Wishes::All => Some(wished),
        Wishes::Bounded => Some(bound(wished)),
        Wishes::None => None,
    };
    let wish = words(&wished);
    let text = match granted {
        Some(granted) if granted == wished => format!("{what} {wish}"),
        Some(granted) => format!("{what} {wish} (gets {})", words(&granted)),
        None => format!("{what} {wish} (not granted)"),
    };
    said.push((text, granted != Some(wished)));
    granted
}

fn restart(wished: Restart) -> Restart {
    let (limit, backoff_ms) = match wished {
        Restart::No => return Restart::No,
        Restart::OnFailure {
            limit: limit @ 1..=RESTARTS_MAX,
            backoff_ms,
        } => (limit, backoff_ms),
        Restart::OnFailure { backoff_ms, .. } | Restart::Always { backoff_ms } => {
            (RESTARTS_MAX, backoff_ms)
        }
    };
    Restart::OnFailure {
        limit,
        backoff_ms: backoff_ms.max(BACKOFF_MIN_MS),
    }
}

/// A policy as it is written on the command line, with its wait.
fn policy(restart: &Restart) -> String {
    match restart {
        Restart::No => "no".to_owned(),
        Restart::OnFailure {
            limit: 0,
            backoff_ms,
        } => format!("on-failure after {backoff_ms} ms"),
        Restart::OnFailure { limit, backoff_ms } => {
            format!("on-failure:{limit} after {backoff_ms} ms")
        }
        Restart::Always { backoff_ms } => format!("always after {backoff_ms} ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GREEDY: Parameters = Parameters {
        stack: Some(60_000),
        memory: Some(4096),
        limit: None,
        share: Some(100),
        restart: Some(Restart::Always { backoff_ms: 0 }),
        boot: None,
        log_level: None,
        service: None,
        writes: None,
    };

    #[test]
    fn the_operator_has_the_last_word() {
        let chosen = Parameters {
            share: Some(70),
            limit: Some(9000),
            restart: Some(Restart::No),
            stack: Some(512),
            memory: Some(1),
            ..Parameters::default()
        };
        for how in [Wishes::All, Wishes::Bounded, Wishes::None] {
            let granted = grant(chosen, GREEDY, how);
            assert_eq!((granted.parameters, granted.note), (chosen, None));
        }
    }

    #[test]
    fn a_wish_is_granted_within_bounds_and_said() {
        let nothing = Parameters::default();
        let granted = grant(nothing, GREEDY, Wishes::Bounded);
        assert_eq!(
            granted.parameters,
            Parameters {
                stack: Some(STACK_MAX),
                memory: Some(4096),
                share: Some(50),
                restart: Some(Restart::OnFailure {
                    limit: 5,
                    backoff_ms: 500
                }),
                ..nothing
            }
        );
        assert_eq!(
            granted.note.as_deref(),
            Some(
                "its author wishes stack 60000 (gets 16384), memory 4096, share 100 (gets 50), \
                 restart always after 0 ms (gets on-failure:5 after 500 ms); --wishes all grants all, --wishes none nothing"
            )
        );
        assert_eq!(grant(nothing, GREEDY, Wishes::All).parameters, GREEDY);
        let refused = grant(nothing, GREEDY, Wishes::None);
        assert_eq!(refused.parameters, nothing);
        assert!(refused.note.unwrap().contains("share 100 (not granted)"));
        assert_eq!(grant(nothing, nothing, Wishes::Bounded).note, None);
    }

    #[test]
    fn a_modest_wish_is_granted_whole() {
        let modest = Parameters {
            share: Some(10),
            restart: Some(Restart::OnFailure {
                limit: 3,
                backoff_ms: 800,
            }),
            ..Parameters::default()
        };
        let granted = grant(Parameters::default(), modest, Wishes::Bounded);
        assert_eq!(granted.parameters, modest);
        assert_eq!(
            granted.note.as_deref(),
            Some("its author wishes share 10, restart on-failure:3 after 800 ms")
        );
        let endless = Restart::OnFailure {
            limit: 0,
            backoff_ms: 9_000,
        };
        let limited = Restart::OnFailure {
            limit: 5,
            backoff_ms: 9_000,
        };
        assert_eq!(restart(endless), limited);
    }
}
