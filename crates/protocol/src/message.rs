//! Requests and responses.

use crate::{
    Access, Chosen, CodeStatus, Container, DeviceError, Engine, Exposure, Happening, Heap, Image,
    ImageHash, Inspection, Kept, Level, MissingWhy, Operators, Parameters, Place, Source, Status,
    Trust, Update,
};
use serde::{Deserialize, Serialize};

#[cfg(test)]
use postcard_schema::Schema;

/// What berth asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Schema))]
pub struct Request<'a> {
    /// Chosen by berth (counting up from a random start), repeated in the answer.
    /// The same id again means: the same request, sent again.
    pub id: u32,
    /// What to do.
    #[serde(borrow)]
    pub op: Op<'a>,
}

/// The operations. Numbered by position: append only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Schema))]
pub enum Op<'a> {
    /// Who are you? → [`Reply::Hello`]. Understood by every version.
    Hello {
        /// [`PROTOCOL_VERSION`](crate::PROTOCOL_VERSION) of berth.
        protocol: u16,
    },
    /// Memory of the device → [`Reply::Heap`].
    Heap,
    /// Announce an image → [`Reply::Upload`] or [`Reply::Unchanged`]. The same announcement again continues the
    /// upload. Another one with the same number replaces it. One with another number is
    /// refused ([`DeviceError::UploadBusy`]) until nothing has come of the one in progress for some seconds.
    UploadBegin {
        /// Number of the upload, chosen by berth: the same for the same announcement, another for another.
        upload: u32,
        /// Name of the container ([`is_valid_name`](crate::is_valid_name)).
        name: &'a str,
        /// Length of the image in bytes.
        length: u32,
        /// SHA-256 of the image.
        hash: ImageHash,
        /// How to run it.
        parameters: Parameters,
    },
    /// Part of an image that was announced → [`Reply::Upload`] with the next offset
    /// wanted. A part that the device already has is accepted and ignored.
    UploadChunk {
        /// Number of the upload.
        upload: u32,
        /// Where the part begins in the image.
        offset: u32,
        /// At most [`CHUNK_MAX`](crate::CHUNK_MAX) bytes.
        #[serde(borrow)]
        bytes: &'a [u8],
    },
    /// The image is complete: check its hash, look at the module and store it →
    /// [`Reply::Done`]. On refusal the upload is forgotten.
    UploadCommit {
        /// Number of the upload.
        upload: u32,
    },
    /// Forget an upload, if it is in progress → [`Reply::Done`].
    UploadAbort {
        /// Number of the upload.
        upload: u32,
    },
    /// Start a container → [`Reply::Done`].
    Start {
        /// Its name.
        name: &'a str,
    },
    /// Stop a container at its next suspension point, release what it claimed →
    /// [`Reply::Done`].
    Stop {
        /// Its name.
        name: &'a str,
    },
    /// Stop a container at once → [`Reply::Done`].
    Kill {
        /// Its name.
        name: &'a str,
    },
    /// Delete a container that is not active, with its image and log → [`Reply::Done`].
    Remove {
        /// Its name.
        name: &'a str,
    },
    /// One container → [`Reply::Container`] or [`Reply::End`].
    Containers {
        /// 0, then `next` of the answer before.
        cursor: u16,
    },
    /// The first log line that is not older than `from` → [`Reply::LogLine`] or
    /// [`Reply::End`]. Refused with [`DeviceError::OtherLog`] if the log is not the one that was read before: the
    /// container was deleted and another has its name, or the device was reset.
    Log {
        /// Name of the container.
        name: &'a str,
        /// `log` of the lines read before; `None` for the first.
        log: Option<u32>,
        /// Sequence number; 0 is the first line ever.
        from: u32,
    },
    /// One exposure → [`Reply::Exposure`] or [`Reply::End`].
    Exposures {
        /// 0, then `next` of the answer before.
        cursor: u16,
    },
    /// One item of the list behind a refusal
    /// ([`DeviceError::MissingImports`]) → [`Reply::Missing`] or [`Reply::End`].
    /// Kept for the last few refusals.
    Detail {
        /// Id of the refused request.
        of: u32,
        /// 0 to the count in the error, exclusive.
        index: u16,
    },
    /// Suspend a container where it stands, whatever it does → [`Reply::Done`].
    Pause {
        /// Its name.
        name: &'a str,
    },
    /// Let a paused container go on → [`Reply::Done`].
    Resume {
        /// Its name.
        name: &'a str,
    },
    /// Change how a container is to run → [`Reply::Done`]. What is `None` stays as it is.
    Edit {
        /// Its name.
        name: &'a str,
        /// What to change.
        parameters: Parameters,
        /// Start it anew if it is active; otherwise what needs a start takes effect
        /// with the next one.
        restart: bool,
    },
    /// All that is known of a container → [`Reply::Inspection`].
    Inspect {
        /// Its name.
        name: &'a str,
    },
    /// One interrupt source of a container → [`Reply::Source`] or [`Reply::End`].
    Sources {
        /// Its name.
        name: &'a str,
        /// 0, then `next` of the answer before.
        cursor: u16,
    },
    /// One stored image → [`Reply::Image`] or [`Reply::End`].
    Images {
        /// 0, then `next` of the answer before.
        cursor: u16,
    },
    /// The first event that is not older than `from` → [`Reply::Event`] or
    /// [`Reply::End`]. Refused with [`DeviceError::OtherLog`] if the device was reset since those read before.
    Events {
        /// `log` of the events read before; `None` for the first.
        log: Option<u32>,
        /// Sequence number; 0 is the first event since the device started.
        from: u32,
    },
    /// How is the device? → [`Reply::Status`].
    Status,
    /// As [`UploadBegin`](Op::UploadBegin), but the container `name` exists, runs on
    /// until the commit, and is then replaced: live update. The commit is
    /// answered with [`Reply::Update`].
    UpdateBegin {
        /// Number of the upload.
        upload: u32,
        /// Name of the container.
        name: &'a str,
        /// Length of the new image in bytes.
        length: u32,
        /// SHA-256 of the new image.
        hash: ImageHash,
        /// What to change of how it runs; what is `None` stays as it is.
        parameters: Parameters,
        /// Milliseconds for which the new image runs on trial; a fault in that time
        /// brings the old one back.
        trial_ms: u32,
    },
    /// Where does a live update of a container stand? → [`Reply::Update`]. Refused with
    /// [`DeviceError::Superseded`] if another one came after it.
    UpdateStatus {
        /// Name of the container.
        name: &'a str,
        /// Number of its upload; `None` for the last live update.
        upload: Option<u32>,
    },
    /// Let a container that is quarantined be started again → [`Reply::Done`]; of one that is not, too.
    Lift {
        /// Its name.
        name: &'a str,
    },
    /// Begin anew as after power-on: every container is ended, and those that start with the device start →
    /// [`Reply::Done`]. A supervisor that runs for less than `uptime_us` has begun anew already and does nothing,
    /// so that a repetition is harmless.
    Reset {
        /// How long the supervisor runs, as [`Op::Hello`] has told.
        uptime_us: u64,
    },
    /// A part of a stored image → [`Reply::ImagePart`]. Nothing is kept from one part to the next: who reads
    /// compares the hash of the whole.
    ReadImage {
        /// Name of the container.
        name: &'a str,
        /// Where the part begins.
        offset: u32,
    },
    /// As [`UploadCommit`](Op::UploadCommit) of an image that was announced by [`UpdateBegin`](Op::UpdateBegin), and if
    /// the container does not run it is started → [`Reply::Update`]. If it cannot be started, it is what it was: image,
    /// parameters and state.
    RunCommit {
        /// Which upload.
        upload: u32,
    },
    /// One block that a container holds → [`Reply::Block`] or [`Reply::End`].
    Blocks {
        /// Its name.
        name: &'a str,
        /// 0, then `next` of the answer before.
        cursor: u16,
    },
    /// Which block the last call before a container's last fault was about → [`Reply::FaultBlock`].
    FaultBlock {
        /// Its name.
        name: &'a str,
    },
    /// Where a container's last fault was, as its package tells → [`Reply::FaultPlace`].
    FaultPlace {
        /// Its name.
        name: &'a str,
    },
    /// A part of changes of a configuration ([`crate::configuration`]) → [`Reply::Done`]. The device has one draft: the
    /// first part of another takes its place. Who names one that is not there, or not whole, is refused with
    /// [`DeviceError::NoDraft`] and sends it again.
    Draft {
        /// Its number, chosen by berth: the same for the same changes, another for others.
        draft: u32,
        /// Where the part begins.
        offset: u16,
        /// At most [`DRAFT_PART_MAX`](crate::DRAFT_PART_MAX) bytes.
        #[serde(borrow)]
        bytes: &'a [u8],
    },
    /// As [`UploadBegin`](Op::UploadBegin), or with a trial as [`UpdateBegin`](Op::UpdateBegin), with what is chosen
    /// beside. The draft must be there at the beginning and at the commit.
    Announce {
        /// Number of the upload.
        upload: u32,
        /// Name of the container.
        name: &'a str,
        /// Length of the image in bytes.
        length: u32,
        /// SHA-256 of the image.
        hash: ImageHash,
        /// How to run it.
        parameters: Parameters,
        /// Milliseconds of the trial; `None`: it replaces none.
        trial_ms: Option<u32>,
        /// What else is chosen for it.
        chosen: Chosen,
    },
    /// As [`Edit`](Op::Edit), with what is chosen beside → [`Reply::Done`].
    Change {
        /// Its name.
        name: &'a str,
        /// What to change.
        parameters: Parameters,
        /// Start it anew if it is active.
        restart: bool,
        /// What else to change.
        chosen: Chosen,
    },
    /// What the device keeps for a container: its configuration from `offset` on, and how much its named values take →
    /// [`Reply::Kept`].
    Kept {
        /// Its name.
        name: &'a str,
        /// Where the part of its configuration begins.
        offset: u16,
    },
    /// As [`UploadCommit`](Op::UploadCommit), or as [`RunCommit`](Op::RunCommit) if `starts`.
    Commit {
        /// Which upload.
        upload: u32,
        /// If it replaces a container that does not run, that is started.
        starts: bool,
        /// An older version of the package than the device has had is taken, too.
        downgrade: bool,
    },
    /// Whose packages does the device take? → [`Reply::Trust`].
    Trust,
    /// What the signature of a container's image claims, and one of its labels → [`Reply::Signature`], or [`Reply::End`] if it has none.
    Signature {
        /// Name of the container.
        name: &'a str,
        /// Number of the label, from 0 on.
        label: u8,
    },
    /// What executes a container → [`Reply::Engine`]. A device that compiles nothing does not know this.
    Engine {
        /// Its name.
        name: &'a str,
    },
    /// How the flash for compiled code is doing → [`Reply::Code`]. A device that compiles nothing does not know this.
    Code,
    /// The draft of this number is a signed list of what must not run any more: keep it in place of the one that is kept, and end what it
    /// covers → [`Reply::Done`].
    Revoke {
        /// Which draft.
        draft: u32,
        /// Its length.
        length: u16,
    },
    /// What is revoked? → [`Reply::Revocations`].
    Revocations,
    /// Who may do what? → [`Reply::Operators`].
    Operators,
    /// What is an operator to sign? → [`Reply::Challenge`]. Of those that were not answered the device knows the last few.
    Challenge,
    /// Open a session (crate `berth-session`) → [`Reply::Checking`], and when the same is asked again and the signature has been found right,
    /// [`Reply::SessionOpen`], sealed. A signature that is not right is [`DeviceError::NotAnOperator`].
    Login {
        /// Id of the operator's key.
        operator: [u8; 8],
        /// The challenge's epoch.
        epoch: u32,
        /// Its number, which is the session's.
        number: u32,
        /// Public half of a key of X25519 that is made for this session.
        one_time: [u8; 32],
        /// The operator's signature.
        #[serde(borrow)]
        signature: &'a [u8],
    },
    /// Give the device the secret that sessions are agreed on with. Everybody who hears the line knows it then: for a line that is trusted. Without a session it is
    /// taken by a device that has none only → [`Reply::Checking`], then [`Reply::Done`].
    Provision {
        /// Id of the operator's key.
        operator: [u8; 8],
        /// The challenge's epoch.
        epoch: u32,
        /// Its number.
        number: u32,
        /// The secret half of a key of X25519.
        secret: [u8; 32],
        /// The operator's signature.
        #[serde(borrow)]
        signature: &'a [u8],
    },
    /// End the session in which it is asked → [`Reply::Done`].
    Logout,
}

/// What a request needs on a device that has operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// Nothing: it is how one becomes an operator, or finds out that one has to.
    Nothing,
    /// A session, if the device's manufacturer wants one for reading.
    Read,
    /// A session.
    Change,
}

impl Op<'_> {
    /// Returns what it needs on a device that has operators.
    #[must_use]
    pub const fn right(&self) -> Right {
        match self {
            Op::Hello { .. }
            | Op::Trust
            | Op::Operators
            | Op::Challenge
            | Op::Login { .. }
            | Op::Provision { .. } => Right::Nothing,
            Op::Heap
            | Op::Containers { .. }
            | Op::Log { .. }
            | Op::Exposures { .. }
            | Op::Detail { .. }
            | Op::Inspect { .. }
            | Op::Sources { .. }
            | Op::Images { .. }
            | Op::Events { .. }
            | Op::Status
            | Op::UpdateStatus { .. }
            | Op::ReadImage { .. }
            | Op::Blocks { .. }
            | Op::FaultBlock { .. }
            | Op::FaultPlace { .. }
            | Op::Kept { .. }
            | Op::Signature { .. }
            | Op::Engine { .. }
            | Op::Code
            | Op::Revocations => Right::Read,
            Op::UploadBegin { .. }
            | Op::UpdateBegin { .. }
            | Op::UploadChunk { .. }
            | Op::UploadCommit { .. }
            | Op::RunCommit { .. }
            | Op::Commit { .. }
            | Op::UploadAbort { .. }
            | Op::Start { .. }
            | Op::Stop { .. }
            | Op::Kill { .. }
            | Op::Remove { .. }
            | Op::Pause { .. }
            | Op::Resume { .. }
            | Op::Edit { .. }
            | Op::Change { .. }
            | Op::Lift { .. }
            | Op::Reset { .. }
            | Op::Draft { .. }
            | Op::Announce { .. }
            | Op::Revoke { .. }
            | Op::Logout => Right::Change,
        }
    }
}

/// What the device answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Schema))]
pub struct Response<'a> {
    /// Id of the request.
    pub id: u32,
    /// Its outcome.
    #[serde(borrow)]
    pub result: Result<Reply<'a>, DeviceError<'a>>,
}

/// The answers. Numbered by position: append only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Schema))]
pub enum Reply<'a> {
    /// To [`Op::Hello`].
    Hello(#[serde(borrow)] Device<'a>),
    /// It is done; nothing to tell.
    Done,
    /// No (further) item.
    End,
    /// To [`Op::Heap`].
    Heap(Heap),
    /// The upload goes on here.
    Upload {
        /// First byte of the image that the device does not have.
        offset: u32,
    },
    /// To [`Op::UploadBegin`]: a container of this name, image and parameters is
    /// stored already; nothing was changed.
    Unchanged,
    /// To [`Op::Containers`].
    Container {
        /// The container.
        #[serde(borrow)]
        item: Container<'a>,
        /// Cursor of the next one; `None` after the last.
        next: Option<u16>,
    },
    /// To [`Op::Log`].
    LogLine {
        /// Names the log: the same for all lines of a container until it is deleted or the device is reset.
        log: u32,
        /// Number of this line; the next is at least one more.
        sequence: u32,
        /// Lines between `from` and this one that the device no longer has.
        dropped: u32,
        /// When it was written: microseconds since the device started.
        time_us: u64,
        /// How important the container thinks it is.
        level: Level,
        /// At most [`LOG_TEXT_MAX`](crate::LOG_TEXT_MAX) bytes.
        text: &'a str,
    },
    /// To [`Op::Exposures`].
    Exposure {
        /// The exposure.
        #[serde(borrow)]
        item: Exposure<'a>,
        /// Cursor of the next one; `None` after the last.
        next: Option<u16>,
    },
    /// To [`Op::Detail`]: an import that cannot be satisfied.
    Missing {
        /// Module of the import.
        module: &'a str,
        /// Name of the import.
        name: &'a str,
        /// Why not.
        why: MissingWhy,
    },
    /// To [`Op::Detail`]: an import that somebody else holds now
    /// ([`MissingWhy::InUse`]).
    Held {
        /// Module of the import.
        module: &'a str,
        /// Name of the import.
        name: &'a str,
        /// The container that holds it; `None`: another process of the firmware.
        holder: Option<&'a str>,
    },
    /// To [`Op::Inspect`].
    Inspection(#[serde(borrow)] Inspection<'a>),
    /// To [`Op::Sources`].
    Source {
        /// The source.
        #[serde(borrow)]
        item: Source<'a>,
        /// Cursor of the next one; `None` after the last.
        next: Option<u16>,
    },
    /// To [`Op::Images`].
    Image {
        /// The image.
        #[serde(borrow)]
        item: Image<'a>,
        /// Cursor of the next one; `None` after the last.
        next: Option<u16>,
    },
    /// To [`Op::Events`].
    Event {
        /// Names the list of events: the same until the device is reset.
        log: u32,
        /// Number of this event; the next is at least one more.
        sequence: u32,
        /// Events between `from` and this one that the device no longer has.
        dropped: u32,
        /// When: microseconds since the device started.
        time_us: u64,
        /// The container; `None`: the supervisor itself.
        name: Option<&'a str>,
        /// What happened.
        what: Happening,
    },
    /// To [`Op::Status`].
    Status(#[serde(borrow)] Status<'a>),
    /// To [`Op::UpdateStatus`] and to the commit of a live update.
    Update(Update),
    /// To [`Op::ReadImage`]: as many bytes as fit into an answer, none at the end of the image and beyond.
    ImagePart {
        /// At most [`CHUNK_MAX`](crate::CHUNK_MAX) bytes.
        #[serde(borrow)]
        bytes: &'a [u8],
    },
    /// To [`Op::Blocks`].
    Block {
        /// The name the container has imported it by.
        label: &'a str,
        /// How its accesses travel.
        access: Access,
        /// Cursor of the next one; `None` after the last.
        next: Option<u16>,
    },
    /// To [`Op::FaultBlock`].
    FaultBlock {
        /// Its label; `None`: there was no fault, or the call was about no block.
        label: Option<&'a str>,
    },
    /// To [`Op::FaultPlace`].
    FaultPlace {
        /// `None`: there was no fault, or the package tells no places.
        place: Option<Place>,
    },
    /// To [`Op::Kept`].
    Kept(#[serde(borrow)] Kept<'a>),
    /// To [`Op::Trust`].
    Trust(Trust),
    /// To [`Op::Signature`]. It was verified if the device has keys, and is a mere claim otherwise.
    Signature {
        /// Names the key: the first bytes of its SHA-256.
        key: [u8; 8],
        /// Which version of the package it is.
        counter: u32,
        /// Name of the package.
        package: &'a str,
        /// The label that was asked for; `None` behind the last.
        label: Option<&'a str>,
    },
    /// To [`Op::Engine`].
    Engine {
        /// What executes it; `None`: nothing now.
        engine: Option<Engine>,
        /// Why that is the interpreter.
        why: Option<&'a str>,
    },
    /// To [`Op::Code`]; `None`: there is no flash for code, because the manufacturer gives none.
    Code(Option<CodeStatus>),
    /// To [`Op::Revocations`].
    Revocations {
        /// Counter of the list that is kept; `None`: there is none.
        counter: Option<u32>,
        /// How many entries it has.
        entries: u16,
        /// It was verified. One that was changed in flash is worth nothing, and nothing starts until it was sent again.
        is_valid: bool,
    },
    /// To [`Op::Operators`].
    Operators(Operators),
    /// To [`Op::Challenge`].
    Challenge {
        /// Public half of the device's secret; `None`: it has none yet.
        device: Option<[u8; 32]>,
        /// The same during a run of the device, and no other's.
        epoch: u32,
        /// Counts the challenges of a run.
        number: u32,
    },
    /// To [`Op::Login`] and [`Op::Provision`]: it is being looked at; ask again in some hundredths of a second.
    Checking,
    /// To [`Op::Login`].
    SessionOpen {
        /// So many seconds without a request end it.
        idle_s: u32,
    },
}

/// What a device tells of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Schema))]
pub struct Device<'a> {
    /// [`PROTOCOL_VERSION`](crate::PROTOCOL_VERSION) of the device; stays the
    /// first field in every version.
    pub protocol: u16,
    /// Name of the board.
    pub board: &'a str,
    /// Version of the kernel.
    pub kernel: &'a str,
    /// Version of the supervisor.
    pub supervisor: &'a str,
    /// Microseconds since the supervisor started.
    pub uptime_us: u64,
}

/// Why a message could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// Its id, if at least that could be read. A device answers
    /// [`DeviceError::Unsupported`] to it: the request is newer than the device.
    pub id: Option<u32>,
}

impl Op<'_> {
    /// Returns the number of the upload that this announces; `None` if it announces none.
    #[must_use]
    pub const fn upload_id(&self) -> Option<u32> {
        match self {
            Self::UploadBegin { upload, .. }
            | Self::UpdateBegin { upload, .. }
            | Self::Announce { upload, .. } => Some(*upload),
            _ => None,
        }
    }
}

impl<'a> Request<'a> {
    /// Read a request from the body of a frame.
    ///
    /// # Errors
    /// If it is malformed, longer than its contents, or of a newer berth.
    pub fn decode(message: &'a [u8]) -> Result<Self, DecodeError> {
        decode(message)
    }

    /// Read a request that may be sealed. Returns what stands behind it, too: nothing, or a seal.
    ///
    /// # Errors
    /// If it is malformed, or from a newer berth.
    pub fn decode_sealed(message: &'a [u8]) -> Result<(Self, &'a [u8]), DecodeError> {
        decode_front(message)
    }
}

impl<'a> Response<'a> {
    /// Read a response from the body of a frame.
    ///
    /// # Errors
    /// If it is malformed, longer than its contents, or of a newer device.
    pub fn decode(message: &'a [u8]) -> Result<Self, DecodeError> {
        decode(message)
    }
}

/// The id in front of a request or response, whatever the rest is.
#[must_use]
pub fn message_id(message: &[u8]) -> Option<u32> {
    postcard::take_from_bytes(message).ok().map(|(id, _)| id)
}

fn decode<'a, T: Deserialize<'a>>(message: &'a [u8]) -> Result<T, DecodeError> {
    match decode_front(message)? {
        (value, []) => Ok(value),
        _ => Err(DecodeError {
            id: message_id(message),
        }),
    }
}

fn decode_front<'a, T: Deserialize<'a>>(message: &'a [u8]) -> Result<(T, &'a [u8]), DecodeError> {
    postcard::take_from_bytes(message).map_err(|_| DecodeError {
        id: message_id(message),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_operation_still_gives_its_id() {
        // Id 5, operation 0x7f.
        assert_eq!(
            Request::decode(&[5, 0x7f]),
            Err(DecodeError { id: Some(5) })
        );
        assert_eq!(Request::decode(&[]), Err(DecodeError { id: None }));
    }

    #[test]
    fn bytes_after_a_message_are_refused() {
        // Id 5, `Heap`.
        assert_eq!(
            Request::decode(&[5, 1]),
            Ok(Request {
                id: 5,
                op: Op::Heap
            })
        );
        assert_eq!(
            Request::decode(&[5, 1, 0]),
            Err(DecodeError { id: Some(5) })
        );
    }
}
