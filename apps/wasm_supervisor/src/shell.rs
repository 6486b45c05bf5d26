//! The serial line for people without `berth`: the same verbs, as words.
//!
//! ```text
//!   keys ──► Editor ──► line ──► words ──► Op ──► Supervisor::answer
//!                                                     │ instead of a frame
//!   terminal ◄── Printer ◄── answers (text of a Reply) ◄┘
//! ```
//!
//! What a verb does is written once, where requests are answered; the shell only translates.
//! Text goes out in whole lines, so that no two things mix; nothing that came from a container
//! contains a control character ([`crate::container::log`]).

mod answers;
pub mod editor;
mod printer;

use core::cell::Cell;
use core::fmt::Write;

use berth_protocol::{DeviceError, FRAME_MAX, Level, Op, Parameters, Reply, Request, Restart};

use crate::platform::{LINE_MAX, Platform};
use crate::service::{Supervisor, VERSION};
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
    Logs,
    Inspect,
    Edit,
}

/// Their names: Docker's, and WASMICO's where it has another.
const VERBS: [(&str, Verb); 24] = [
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
    ("logs", Verb::Logs),
    ("inspect", Verb::Inspect),
    ("edit", Verb::Edit),
];

/// What `help` prints.
const HELP: &str = "\
ps, images, heap, exposures, events, info
start NAME     stop NAME      kill NAME      pause NAME     resume NAME
rm NAME        logs NAME      inspect NAME
edit NAME [stack|memory|limit BYTES] [share N] [restart no|on-failure|always]
          [boot yes|no] [log LEVEL] [now]
";

/// The heads of tables; their columns stand in `answers.rs`.
const CONTAINERS: &str =
    "NAME         STATE                CPU MEMORY  LIMIT       FUEL  IRQS RESTARTS\n";
const IMAGES: &str = "NAME         BYTES  SHA-256      PARAMETERS\n";
const EXPOSURES: &str = "LABEL            BYTES ACCESS            HELD BY\n";

/// The line being typed, and where the answers of a request go.
pub struct Shell {
    editor: Editor,
    /// Answers are for a person.
    asking: Cell<bool>,
    /// What the last answer left to be asked.
    more: Cell<More>,
    /// Prompt and line are out of the way of other text.
    hidden: bool,
}

impl Shell {
    /// Nothing typed yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            editor: Editor::new(),
            asking: Cell::new(false),
            more: Cell::new(More::End),
            hidden: false,
        }
    }

    /// Is the answer for a person? Then it is said, and there is no frame.
    pub(crate) fn takes<P: Platform>(
        &self,
        platform: &P,
        result: &Result<Reply<'_>, DeviceError<'_>>,
    ) -> bool {
        if self.asking.get() {
            self.more.set(print_answer(platform, result));
        }
        self.asking.get()
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

/// Says the first line after start. Returns its length in bytes.
#[inline(never)]
pub fn greet<P: Platform>(platform: &P) -> u32 {
    let (board, kernel) = platform.names();
    let mut line = Text::<LINE_MAX>::new();
    // What does not fit is cut.
    let _ = write!(
        line,
        "berth supervisor {VERSION} on {board}, kernel {kernel}; type help\r\n"
    );
    platform.write(line.bytes());
    line.bytes().len() as u32
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

impl<P: Platform + 'static> Supervisor<P> {
    /// A byte that somebody typed.
    // Never a part of the process's loop: what it keeps on the stack would lie below every load.
    #[inline(never)]
    pub(crate) fn take_text(&mut self, byte: u8) {
        let (finished, drawn) = self.shell.editor.take(byte);
        send(&self.shared.platform, drawn.bytes());
        if finished {
            let line = self.shell.editor.finished();
            self.execute(line.text());
            let drawn = self.shell.editor.begin();
            send(&self.shared.platform, drawn.bytes());
        }
    }

    fn print(&self, text: &str) {
        Printer::new(&self.shared.platform).add(text);
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
                Some(op) => {
                    self.once(op);
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

    /// A verb without a name; `false` if there is no such.
    fn about_all(&mut self, verb: Verb) -> bool {
        match verb {
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
            Verb::Events => self.read(&|from| Op::Events { from }),
            Verb::Heap => self.once(Op::Heap),
            Verb::Info => {
                self.once(Op::Hello { protocol: 0 });
                self.once(Op::Status);
            }
            _ => return false,
        }
        true
    }

    /// A verb with a name; `false` if there is no such.
    fn about_one(&mut self, verb: Verb, name: &str) -> bool {
        let op = match verb {
            Verb::Start => Op::Start { name },
            Verb::Stop => Op::Stop { name },
            Verb::Kill => Op::Kill { name },
            Verb::Pause => Op::Pause { name },
            Verb::Resume => Op::Resume { name },
            Verb::Rm => Op::Remove { name },
            Verb::Inspect => Op::Inspect { name },
            Verb::Logs => {
                self.read(&|from| Op::Log { name, from });
                return true;
            }
            _ => return false,
        };
        self.once(op);
        if verb == Verb::Inspect && self.shell.more.get() != More::Refused {
            self.list(&|cursor| Op::Sources { name, cursor });
        }
        true
    }

    /// Ask as a person does; what is left to be asked.
    fn ask(&mut self, op: Op<'_>) -> More {
        let mut frame = [0; FRAME_MAX];
        self.shell.more.set(More::End);
        self.shell.asking.set(true);
        self.answer(&Request { id: 0, op }, &mut frame);
        self.shell.asking.set(false);
        self.shell.more.get()
    }

    /// One request, with the list behind a refusal.
    fn once(&mut self, op: Op<'_>) {
        if let More::Missing(count) = self.ask(op) {
            for index in 0..count {
                self.ask(Op::Detail { of: 0, index });
            }
        }
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

/// The words of `edit`; `None` if one makes no sense.
fn edit<'a>(
    name: &'a str,
    first: &'a str,
    mut words: core::str::SplitAsciiWhitespace<'a>,
) -> Option<Op<'a>> {
    let mut parameters = Parameters::default();
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
                    let levels = [
                        Level::Error,
                        Level::Warn,
                        Level::Info,
                        Level::Debug,
                        Level::Trace,
                    ];
                    parameters.log_level =
                        Some(levels.into_iter().find(|level| level.word() == value)?);
                }
                _ => return None,
            }
        }
        word = words.next();
    }
    Some(Op::Edit {
        name,
        parameters,
        restart,
    })
}
