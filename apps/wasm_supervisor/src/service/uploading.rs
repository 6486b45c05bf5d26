//! Requests about the image that is on its way in, and their answers.

use berth_protocol::{DeviceError, Reply};

use super::Service;
use super::errors::About;
use super::upload::{self, Announced, Begin, Commit, Failed, Upload};
use crate::answering::Sink;
use crate::arena;
use crate::platform::Platform;

impl<P: Platform + 'static> Service<P> {
    /// Begin an upload, or go on with it.
    pub(super) fn begin(&mut self, id: u32, announced: Announced<'_>, sink: &mut dyn Sink) {
        let now = self.shared.platform.now_us();
        let draft = upload::check_values(announced.chosen.values)
            .and_then(|()| self.draft.of(announced.chosen));
        let begun = match draft {
            Ok(draft) => Upload::begin(
                &mut self.containers,
                &mut self.upload,
                announced,
                draft,
                now,
            ),
            Err(error) => Err(error.into()),
        };
        match begun {
            Ok(Begin::Unchanged) => sink.take(id, &Ok(Reply::Unchanged)),
            Ok(Begin::At(offset)) => sink.take(id, &Ok(Reply::Upload { offset })),
            Err(failed) => self.fail(id, failed, sink),
        }
    }

    /// Take the part of the upload with this number that begins at this offset.
    pub(super) fn part(
        &mut self,
        id: u32,
        (upload, offset): (u32, u32),
        bytes: &[u8],
        sink: &mut dyn Sink,
    ) {
        let now = self.shared.platform.now_us();
        let taken = match self.upload.as_mut().filter(|own| own.id() == upload) {
            Some(own) => own.chunk(&mut self.containers, offset, bytes, now),
            None => Err(DeviceError::NoUpload.into()),
        };
        match taken {
            Ok(offset) => sink.take(id, &Ok(Reply::Upload { offset })),
            Err(failed) => self.fail(id, failed, sink),
        }
    }

    /// Store the image that has come with the upload of this number.
    pub(super) fn commit(&mut self, id: u32, upload: u32, commit: Commit, sink: &mut dyn Sink) {
        let own = self.upload.as_ref().filter(|own| own.id() == upload);
        let chosen = own.map(Upload::chosen).unwrap_or_default();
        // Without it the upload is not over.
        let committed = match self.draft.of(chosen) {
            Ok(draft) => match self.upload.take_if(|own| own.id() == upload) {
                Some(upload) => upload.commit(&mut self.containers, commit, draft),
                None => Err(DeviceError::NoUpload.into()),
            },
            Err(error) => Err(error.into()),
        };
        if committed.is_ok() && chosen.length > 0 {
            self.draft.forget();
        }
        arena::trim(arena::ArenaId::SUPERVISOR);
        match committed {
            Ok(None) => sink.take(id, &Ok(Reply::Done)),
            Ok(Some(update)) => sink.take(id, &Ok(Reply::Update(update))),
            Err(failed) => self.fail(id, failed, sink),
        }
    }

    /// Forget the upload with this number.
    pub(super) fn abort(&mut self, id: u32, upload: u32, sink: &mut dyn Sink) {
        let aborted = match self.upload.take_if(|own| own.id() == upload) {
            Some(_) => self.containers.images_mut().abort().map_err(Failed::from),
            None => Err(DeviceError::NoUpload.into()),
        };
        arena::trim(arena::ArenaId::SUPERVISOR);
        match aborted {
            Ok(()) => sink.take(id, &Ok(Reply::Done)),
            Err(failed) => self.fail(id, failed, sink),
        }
    }

    /// Keep the draft of this number as the list of what is revoked.
    pub(super) fn revoke(&mut self, id: u32, draft: u32, length: u16, sink: &mut dyn Sink) {
        let taken = match self.draft.bytes(draft, length) {
            Ok(_) if self.upload.is_some() => Err(DeviceError::Busy.into()),
            Ok(list) => self.containers.revoke(list).map_err(Failed::from),
            Err(error) => Err(error.into()),
        };
        match taken {
            Ok(()) => {
                self.draft.forget();
                arena::trim(arena::ArenaId::SUPERVISOR);
                sink.take(id, &Ok(Reply::Done));
            }
            Err(failed) => self.fail(id, failed, sink),
        }
    }

    /// Say why an upload was refused.
    fn fail(&mut self, id: u32, failed: Failed, sink: &mut dyn Sink) {
        match failed {
            Failed::Request(error) => sink.take(id, &Err(error)),
            Failed::Busy(name) => {
                let name = name.as_str();
                sink.take(id, &Err(DeviceError::UploadBusy { name }));
            }
            Failed::Refused(slot, refused) => {
                let update = slot.is_some();
                self.refuse(id, About { slot, update }, refused, sink);
            }
        }
    }
}
