//! The serial line for people without `berth`: the same verbs, as words.
//!
//! ```text
//!   keys ──► Editor ──► line ──► words ──► Op ──► whoever answers
//!                                                     │
//!   terminal ◄── Printer ◄── answers (text of a Reply) ◄┘
//! ```
//!
//! What a verb does is written once, where requests are answered; the shell only translates.
//! Text goes out in whole lines, so that no two things mix; nothing that came from a container
//! contains a control character ([`crate::container::log`]).

mod answers;
pub mod editor;
mod printer;

use core::fmt::Write;

use berth_protocol::{Chosen, Level, Op, Parameters, Request, Restart};

use crate::VERSION;
use crate::answering::{Answer, Answering, Sink};
use crate::platform::{COMPILES, LINE_MAX, Platform};
use crate::text::Text;

use answers::{More, print_answer};
use editor::Editor;
use printer::Printer;

/// Milliseconds before the first restart, where the shell sets a policy.
const BACKOFF_MS: u16 = 500;

/// What a person can ask for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    Help,
    Ps,
    Images,
    Exposures,
    Events,
    Heap,
    Info,
    Start,
    Stop,
    Kill,
    Pause,
    Resume,
    Rm,
    Lift,
    Logs,
    Inspect,
    Edit,
    Reset,
}

/// Their names: Docker's, and WASMICO's where it has another.
const VERBS: [(&str, Verb); 26] = [
    ("help", Verb::Help),
    ("?", Verb::Help),
    ("ps", Verb::Ps),
    ("showactive", Verb::Ps),
    ("stats", Verb::Ps),
    ("images", Verb::Images),
    ("details", Verb::Images),
    ("exposures", Verb::Exposures),
    ("events", Verb::Events),
    ("heap", Verb::Heap),
    ("heapinfo", Verb::Heap),
    ("info", Verb::Info),
    ("doctor", Verb::Info),
    ("start", Verb::Start),
    ("stop", Verb::Stop),
    ("kill", Verb::Kill),
    ("pause", Verb::Pause),
    ("resume", Verb::Resume),
    ("unpause", Verb::Resume),
    ("rm", Verb::Rm),
    ("delete", Verb::Rm),
    ("lift", Verb::Lift),
    ("logs", Verb::Logs),
    ("inspect", Verb::Inspect),
    ("edit", Verb::Edit),
    ("reset", Verb::Reset),
];

/// What `help` prints.
const HELP: &str = "\
ps, images, heap, exposures, events, info, reset
start NAME     stop NAME      kill NAME      pause NAME     resume NAME
rm NAME        logs NAME      inspect NAME   lift NAME (after quarantine)
edit NAME [stack|memory|limit BYTES] [share N] [restart no|on-failure|always]
          [boot yes|no] [log LEVEL] [values BYTES] [set X=VALUE] [unset X] [now]
";

/// What it prints where only operators change something, who have sessions, which a person cannot type.
const HELP_TO_READ: &str = "\
ps, images, heap, exposures, events, info
logs NAME      inspect NAME
for operators, with berth: everything else
";

/// The heads of tables; their columns stand in `answers.rs`.
const CONTAINERS: &str =
    "NAME         STATE                CPU MEMORY  LIMIT       FUEL  IRQS RESTARTS\n";
const IMAGES: &str = "NAME         BYTES  SHA-256      PARAMETERS\n";
/// What is said to somebody who presses Enter behind a frame that was cut short.
pub(crate) const CUT_SHORT: &[u8] =
    b"\r\na frame was cut short here; Enter once more, after a moment, goes on\r\n";
const EXPOSURES: &str = "LABEL            BYTES ACCESS            HELD BY\n";

/// The line being typed.
pub struct Shell {
    editor: Editor,
    /// Prompt and line are out of the way of other text.
    hidden: bool,
}

impl Shell {
    /// Nothing typed yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            editor: Editor::new(),
            hidden: false,
        }
    }

    /// Make room for a line of other text, until [`restore`](Self::restore).
    #[inline(never)]
    pub(crate) fn make_room<P: Platform>(&mut self, platform: &P) {
        if !self.hidden {
            self.hidden = true;
            send(platform, self.editor.hide().bytes());
        }
    }

    /// Bring back prompt and line, if they made room.
    #[inline(never)]
    pub(crate) fn restore<P: Platform>(&mut self, platform: &P) {
        if self.hidden {
            self.hidden = false;
            send(platform, self.editor.redraw().bytes());
        }
    }
}

impl Default for Shell {
    fn default() -> Self {
        Self::new()
    }
}

/// Returns what is said to whoever listens when the supervisor has started.
pub fn greeting<P: Platform>(platform: &P) -> Text<LINE_MAX> {
    let (board, kernel) = platform.names();
    let mut line = Text::<LINE_MAX>::new();
    // What does not fit is cut.
    let _ = write!(
        line,
        "berth supervisor {VERSION} on {board}, kernel {kernel}; type help\r\n"
    );
    line
}

/// One line that a container said, before which `missing` were lost.
pub(crate) fn log_line(name: &str, missing: u32, text: &str) -> Text<LINE_MAX> {
    let mut line = Text::new();
    // Nothing here can fail: the longest of everything fits.
    let _ = write!(line, "[{name}] ");
    if missing > 0 {
        let _ = write!(line, "({missing} lost) ");
    }
    let _ = write!(line, "{text}\r\n");
    line
}

fn send<P: Platform>(platform: &P, bytes: &[u8]) {
    if !bytes.is_empty() {
        platform.write(bytes);
    }
}

impl Shell {
    /// A byte that somebody typed; what it asks for is asked of `service`.
    // Never a part of the process's loop: what it keeps on the stack would lie below every load.
    #[inline(never)]
    pub(crate) fn take<P: Platform>(
        &mut self,
        platform: &P,
        service: &mut dyn Answering,
        byte: u8,
    ) {
        let (finished, drawn) = self.editor.take(byte);
        send(platform, drawn.bytes());
        if finished {
            let line = self.editor.finished();
            Asking { platform, service }.execute(line.text());
            let drawn = self.editor.begin();
            send(platform, drawn.bytes());
        }
    }
}

/// Says answers to a person.
struct Spoken<'a, P> {
    platform: &'a P,
    /// What the answer left to be asked.
    more: More,
    /// Or refusals only.
    says_all: bool,
}

impl<P: Platform> Sink for Spoken<'_, P> {
    fn take(&mut self, _: u32, answer: &Answer<'_>) {
        if self.says_all || answer.is_err() {
            self.more = print_answer(self.platform, answer);
        }
    }
}

/// A person's line being carried out.
struct Asking<'a, P> {
    platform: &'a P,
    service: &'a mut dyn Answering,
}

impl<P: Platform> Asking<'_, P> {
    fn print(&self, text: &str) {
        Printer::new(self.platform).add(text);
    }

    // Inlined it would be copied into the loop of the process.
    #[inline(never)]
    fn execute(&mut self, line: &str) {
        let mut words = line.split_ascii_whitespace();
        let Some(word) = words.next() else {
            return;
        };
        let verb = VERBS.iter().find(|(known, _)| *known == word);
        let done = match (verb, words.next(), words.next()) {
            (Some((_, verb)), None, _) => self.about_all(*verb),
            (Some((_, verb)), Some(name), None) => self.about_one(*verb, name),
            (Some((_, Verb::Edit)), Some(name), Some(first)) => match edit(name, first, words) {
                Some((op, changes)) => {
                    let draft = Op::Draft {
                        draft: 0,
                        offset: 0,
                        bytes: changes.bytes(),
                    };
                    if changes.bytes().is_empty() || self.quietly(draft) {
                        self.once(op);
                    }
                    true
                }
                None => self.about_all(Verb::Help),
            },
            _ => false,
        };
        if !done {
            self.print("what? (type help)\n");
        }
    }

    /// A verb without a name. Returns `false` if there is no such.
    fn about_all(&mut self, verb: Verb) -> bool {
        match verb {
            Verb::Help if self.platform.operators().keys > 0 => self.print(HELP_TO_READ),
            Verb::Help => self.print(HELP),
            Verb::Ps => {
                self.print(CONTAINERS);
                self.list(&|cursor| Op::Containers { cursor });
            }
            Verb::Images => {
                self.print(IMAGES);
                self.list(&|cursor| Op::Images { cursor });
            }
            Verb::Exposures => {
                self.print(EXPOSURES);
                self.list(&|cursor| Op::Exposures { cursor });
            }
            Verb::Events => self.read(&|from| Op::Events { log: None, from }),
            Verb::Heap => {
                self.once(Op::Heap);
            }
            Verb::Reset => {
                self.once(Op::Reset { uptime_us: 0 });
            }
            Verb::Info => {
                self.once(Op::Hello { protocol: 0 });
                self.once(Op::Status);
            }
            _ => return false,
        }
        true
    }

    /// A verb with a name. Returns `false` if there is no such.
    fn about_one(&mut self, verb: Verb, name: &str) -> bool {
        let op = match verb {
            Verb::Start => Op::Start { name },
            Verb::Stop => Op::Stop { name },
            Verb::Kill => Op::Kill { name },
            Verb::Pause => Op::Pause { name },
            Verb::Resume => Op::Resume { name },
            Verb::Rm => Op::Remove { name },
            Verb::Lift => Op::Lift { name },
            Verb::Inspect => Op::Inspect { name },
            Verb::Logs => {
                let log = None;
                self.read(&|from| Op::Log { name, log, from });
                return true;
            }
            _ => return false,
        };
        let more = self.once(op);
        if verb == Verb::Inspect && more != More::Refused {
            self.once(Op::FaultBlock { name });
            if COMPILES {
                self.once(Op::Engine { name });
            }
            let mut offset = 0;
            while let More::Cursor(length) = self.ask(Op::Kept { name, offset }) {
                offset += length;
            }
            self.list(&|cursor| Op::Blocks { name, cursor });
            self.list(&|cursor| Op::Sources { name, cursor });
        }
        true
    }

    /// Ask as a person does. Returns what is left to be asked.
    fn ask(&mut self, op: Op<'_>) -> More {
        let mut spoken = Spoken {
            platform: self.platform,
            more: More::End,
            says_all: true,
        };
        self.service.answer(&Request { id: 0, op }, &mut spoken);
        spoken.more
    }

    /// A request of which only a refusal is said. Returns whether it was done.
    fn quietly(&mut self, op: Op<'_>) -> bool {
        let mut spoken = Spoken {
            platform: self.platform,
            more: More::End,
            says_all: false,
        };
        self.service.answer(&Request { id: 0, op }, &mut spoken);
        spoken.more != More::Refused
    }

    /// One request, with the list behind a refusal.
    fn once(&mut self, op: Op<'_>) -> More {
        let more = self.ask(op);
        if let More::Missing(count) = more {
            for index in 0..count {
                self.ask(Op::Detail { of: 0, index });
            }
        }
        more
    }

    fn list<'a>(&mut self, op: &dyn Fn(u16) -> Op<'a>) {
        let mut cursor = 0;
        while let More::Cursor(next) = self.ask(op(cursor)) {
            cursor = next;
        }
    }

    fn read<'a>(&mut self, op: &dyn Fn(u32) -> Op<'a>) {
        let mut from = 0;
        while let More::Sequence(sequence) = self.ask(op(from)) {
            from = sequence.saturating_add(1);
        }
    }
}

/// The words of `edit`, and the changes of a configuration among them. Returns `None` if one makes no sense.
fn edit<'a>(
    name: &'a str,
    first: &'a str,
    mut words: core::str::SplitAsciiWhitespace<'a>,
) -> Option<(Op<'a>, Text<LINE_MAX>)> {
    let mut parameters = Parameters::default();
    let mut chosen = Chosen::default();
    // As long as the line at most, of which it is a part.
    let mut changes = Text::new();
    let mut restart = false;
    let mut word = Some(first);
    while let Some(what) = word {
        // As `berth` wants it, too.
        let what = what.strip_prefix("--").unwrap_or(what);
        if what == "now" {
            restart = true;
        } else {
            let value = words.next()?;
            let number = value.parse().ok();
            match what {
                "stack" => parameters.stack = Some(number?),
                "memory" => parameters.memory = Some(number?),
                "limit" => parameters.limit = Some(number?),
                "share" => parameters.share = Some(u8::try_from(number?).ok()?),
                "restart" => {
                    parameters.restart = Some(match value {
                        "no" => Restart::No,
                        "on-failure" => Restart::OnFailure {
                            limit: 0,
                            backoff_ms: BACKOFF_MS,
                        },
                        "always" => Restart::Always {
                            backoff_ms: BACKOFF_MS,
                        },
                        _ => return None,
                    });
                }
                "boot" => {
                    parameters.boot = Some(match value {
                        "yes" => true,
                        "no" => false,
                        _ => return None,
                    });
                }
                "log" => {
                    let mut levels = Level::ALL.into_iter();
                    parameters.log_level = Some(levels.find(|level| level.word() == value)?);
                }
                "values" => chosen.values = Some(number?),
                "set" | "unset" if value.contains('=') == (what == "set") => {
                    let _ = write!(changes, "{value}\0");
                }
                _ => return None,
            }
        }
        word = words.next();
    }
    chosen.length = changes.bytes().len() as u16;
    let op = Op::Change {
        name,
        parameters,
        restart,
        chosen,
    };
    Some((op, changes))
}
