//! Every operation there is, as a script: what a request does, and what the supervisor does of itself.
//!
//! [`number`] and [`Inner::ALL`] name them all, so an operation that is new does not compile until it has a number,
//! and fails the test until the script has it.

use berth_protocol::{Chosen, ImageHash, Level, Op, Parameters, Restart};
use wasm_supervisor::arena;

/// One step of the script.
#[derive(Clone, Copy, Debug)]
pub enum Step<'a> {
    /// A request, answered with what was asked for.
    Ask(Op<'a>),
    /// A request that is refused with this word, and nothing else.
    Refused(Op<'a>, &'static str),
    /// What happens while nobody asks.
    Inner(Inner),
}

/// What the supervisor does of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inner {
    /// Main, handlers, messages, saved state, logs, growth.
    Run,
    /// A policy starts a container again.
    Restart,
    /// A trial ends well.
    TrialEnds,
    /// A trial ends with a fault.
    RollBack,
    /// It begins: what it makes of the store. What it starts then is started as by a policy.
    Boot,
}

impl Inner {
    pub const ALL: [Self; 5] = [
        Self::Run,
        Self::Restart,
        Self::TrialEnds,
        Self::RollBack,
        Self::Boot,
    ];

    /// Milliseconds of the device's clock in which it happens.
    pub const fn takes_ms(self) -> u64 {
        match self {
            Self::Run => 6,
            Self::Boot => 10,
            Self::Restart => 1_500,
            Self::TrialEnds | Self::RollBack => TRIAL_MS as u64 + 20,
        }
    }
}

/// How many kinds of requests there are.
pub const REQUESTS: usize = 47;

/// The number of a request's kind.
pub const fn number(op: &Op<'_>) -> usize {
    match op {
        Op::Hello { .. } => 0,
        Op::Heap => 1,
        Op::UploadBegin { .. } => 2,
        Op::UploadChunk { .. } => 3,
        Op::UploadCommit { .. } => 4,
        Op::UploadAbort { .. } => 5,
        Op::Start { .. } => 6,
        Op::Stop { .. } => 7,
        Op::Kill { .. } => 8,
        Op::Remove { .. } => 9,
        Op::Containers { .. } => 10,
        Op::Log { .. } => 11,
        Op::Exposures { .. } => 12,
        Op::Detail { .. } => 13,
        Op::Pause { .. } => 14,
        Op::Resume { .. } => 15,
        Op::Edit { .. } => 16,
        Op::Inspect { .. } => 17,
        Op::Sources { .. } => 18,
        Op::Images { .. } => 19,
        Op::Events { .. } => 20,
        Op::Status => 21,
        Op::UpdateBegin { .. } => 22,
        Op::UpdateStatus { .. } => 23,
        Op::Lift { .. } => 24,
        Op::Reset { .. } => 25,
        Op::ReadImage { .. } => 26,
        Op::RunCommit { .. } => 27,
        Op::Blocks { .. } => 28,
        Op::FaultBlock { .. } => 29,
        Op::FaultPlace { .. } => 30,
        Op::Draft { .. } => 31,
        Op::Announce { .. } => 32,
        Op::Change { .. } => 33,
        Op::Kept { .. } => 34,
        Op::Commit { .. } => 35,
        Op::Trust => 36,
        Op::Signature { .. } => 37,
        Op::Engine { .. } => 38,
        Op::Code => 39,
        Op::Revoke { .. } => 40,
        Op::Revocations => 41,
        Op::Operators => 42,
        Op::Challenge => 43,
        Op::Login { .. } => 44,
        Op::Provision { .. } => 45,
        Op::Logout => 46,
    }
}

pub const TRIAL_MS: u32 = 40;

/// The images of the script.
pub struct Images {
    /// Does what takes memory.
    pub victim: Vec<u8>,
    /// The same, and something else is different.
    pub second: Vec<u8>,
    /// Faults soon after it was started.
    pub faulty: Vec<u8>,
    /// Imports what nobody has.
    pub stranger: Vec<u8>,
}

/// Name of the container that lives through the script.
pub const VICTIM: &str = "victim";
/// Name of the one that faults and is started again.
pub const FAULTY: &str = "faulty";

/// Number of the upload.
pub const UPLOAD: u32 = 7;

/// The announcement of an upload.
pub fn begin<'a>(name: &'a str, image: &[u8], parameters: Parameters) -> Op<'a> {
    Op::UploadBegin {
        upload: UPLOAD,
        name,
        length: image.len() as u32,
        hash: ImageHash::of(image),
        parameters,
    }
}

/// The parts of an upload, and its commit.
fn rest<'a>(image: &'a [u8]) -> impl Iterator<Item = Step<'a>> {
    let chunks = image
        .chunks(200)
        .enumerate()
        .map(|(index, bytes)| Op::UploadChunk {
            upload: UPLOAD,
            offset: index as u32 * 200,
            bytes,
        });
    chunks
        .chain([Op::UploadCommit { upload: UPLOAD }])
        .map(Step::Ask)
}

pub fn upload<'a>(name: &'a str, image: &'a [u8], parameters: Parameters) -> Vec<Step<'a>> {
    let begin = begin(name, image, parameters);
    arena::of_the_test(|| [Step::Ask(begin)].into_iter().chain(rest(image)).collect())
}

fn update<'a>(name: &'a str, image: &'a [u8]) -> Vec<Step<'a>> {
    let begin = Op::UpdateBegin {
        upload: UPLOAD,
        name,
        length: image.len() as u32,
        hash: ImageHash::of(image),
        parameters: Parameters::default(),
        trial_ms: TRIAL_MS,
    };
    [Step::Ask(begin)].into_iter().chain(rest(image)).collect()
}

/// All of it.
pub fn script(images: &Images) -> Vec<Step<'_>> {
    arena::of_the_test(|| {
        let name = VICTIM;
        let plain = Parameters::default();
        let restarts = Parameters {
            restart: Some(Restart::Always { backoff_ms: 100 }),
            ..plain
        };
        let at_boot = Parameters {
            boot: Some(true),
            ..plain
        };
        let run = Step::Inner(Inner::Run);
        let changes = b"witness=1\0";
        let draft = Op::Draft {
            draft: 1,
            offset: 0,
            bytes: changes,
        };
        let chosen = Chosen {
            draft: 1,
            length: changes.len() as u16,
            values: Some(100),
        };
        let mut all = Vec::from([
            Step::Ask(Op::Hello {
                protocol: berth_protocol::PROTOCOL_VERSION,
            }),
            Step::Ask(begin(name, &images.victim, plain)),
            Step::Ask(Op::UploadAbort { upload: UPLOAD }),
            Step::Ask(draft),
            Step::Ask(Op::Announce {
                upload: UPLOAD,
                name,
                length: images.victim.len() as u32,
                hash: ImageHash::of(&images.victim),
                parameters: plain,
                trial_ms: None,
                chosen,
            }),
            Step::Ask(Op::UploadAbort { upload: UPLOAD }),
        ]);
        all.extend(upload(name, &images.victim, plain));
        all.extend([
            Step::Ask(Op::Start { name }),
            run,
            Step::Ask(Op::Containers { cursor: 0 }),
            Step::Ask(Op::Log {
                name,
                log: None,
                from: 0,
            }),
            Step::Ask(Op::Sources { name, cursor: 0 }),
            Step::Ask(Op::Blocks { name, cursor: 0 }),
            Step::Ask(Op::Pause { name }),
            Step::Ask(Op::Inspect { name }),
            Step::Ask(Op::FaultBlock { name }),
            Step::Ask(Op::FaultPlace { name }),
            Step::Ask(Op::Resume { name }),
            run,
            Step::Ask(Op::Edit {
                name,
                parameters: Parameters {
                    share: Some(10),
                    log_level: Some(Level::Warn),
                    ..plain
                },
                restart: true,
            }),
            run,
            Step::Ask(draft),
            Step::Ask(Op::Change {
                name,
                parameters: plain,
                restart: false,
                chosen,
            }),
            run,
            Step::Ask(Op::Kept { name, offset: 0 }),
            Step::Ask(Op::Trust),
            // Of no draft.
            Step::Refused(
                Op::Revoke {
                    draft: 0,
                    length: 0,
                },
                "bad-signature",
            ),
            Step::Ask(Op::Revocations),
            Step::Ask(Op::Signature { name, label: 0 }),
            Step::Ask(Op::Engine { name }),
            Step::Ask(Op::Code),
            Step::Ask(Op::Operators),
            // There are none here.
            Step::Refused(Op::Challenge, "unsupported"),
            Step::Refused(
                Op::Login {
                    operator: [1; 8],
                    epoch: 1,
                    number: 1,
                    one_time: [2; 32],
                    signature: &[3; 64],
                },
                "unsupported",
            ),
            Step::Refused(
                Op::Provision {
                    operator: [1; 8],
                    epoch: 1,
                    number: 1,
                    secret: [2; 32],
                    signature: &[3; 64],
                },
                "unsupported",
            ),
            Step::Refused(Op::Logout, "no-session"),
            Step::Ask(Op::Heap),
            Step::Ask(Op::Exposures { cursor: 0 }),
            Step::Ask(Op::Images { cursor: 0 }),
            Step::Ask(Op::Events { log: None, from: 0 }),
            Step::Ask(Op::Status),
            Step::Ask(Op::Lift { name }),
            Step::Ask(Op::ReadImage { name, offset: 0 }),
            // One that has been done already.
            Step::Ask(Op::Reset {
                uptime_us: u64::MAX,
            }),
        ]);
        all.extend(update(name, &images.second));
        all.extend([
            Step::Inner(Inner::TrialEnds),
            Step::Ask(Op::UpdateStatus { name, upload: None }),
        ]);
        all.extend(update(name, &images.faulty));
        all.extend([Step::Inner(Inner::RollBack), Step::Ask(Op::Stop { name })]);
        let mut again = update(name, &images.victim);
        again.pop();
        all.extend(again);
        all.extend([
            Step::Ask(Op::RunCommit { upload: UPLOAD }),
            run,
            Step::Ask(Op::Stop { name }),
            Step::Ask(Op::Remove { name }),
        ]);
        let name = FAULTY;
        all.extend(upload(name, &images.faulty, restarts));
        all.extend([
            Step::Ask(Op::Start { name }),
            Step::Inner(Inner::Restart),
            Step::Ask(Op::Kill { name }),
            Step::Ask(Op::Remove { name }),
        ]);
        let mut stranger = upload(name, &images.stranger, plain);
        stranger.pop();
        all.extend(stranger);
        all.extend([
            Step::Ask(Op::Commit {
                upload: UPLOAD,
                starts: false,
                downgrade: true,
            }),
            Step::Refused(Op::Start { name }, "missing-imports"),
            Step::Ask(Op::Detail { of: 0, index: 0 }),
            Step::Ask(Op::Remove { name }),
        ]);
        let name = VICTIM;
        all.extend(upload(name, &images.victim, at_boot));
        // Last: they end all containers.
        all.push(Step::Ask(Op::Reset { uptime_us: 0 }));
        all.push(Step::Inner(Inner::Boot));
        all
    })
}
