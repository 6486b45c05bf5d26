//! A line that is used only while its device is this gateway's. Every byte passes here, so a gateway that has lost a device, in
//! the middle of whatever, sends it nothing any more.

use crate::state::Fence;
use berth::Transport;
use std::io::{self, Read, Write};
use std::os::fd::RawFd;

/// See the module.
pub(crate) struct Fenced {
    line: Box<dyn Transport>,
    /// `None`: there is no other gateway.
    fence: Option<Fence>,
}

impl Fenced {
    pub(crate) fn new(line: Box<dyn Transport>, fence: Option<Fence>) -> Self {
        Self { line, fence }
    }

    fn pass(&self) -> io::Result<()> {
        match &self.fence {
            Some(fence) if !fence.holds() => Err(io::Error::other(LOST)),
            _ => Ok(()),
        }
    }
}

/// Why a device is not used that may be another gateway's.
pub(crate) const LOST: &str = "it may be another gateway's by now";

impl Read for Fenced {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.pass()?;
        self.line.read(buffer)
    }
}

impl Write for Fenced {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.pass()?;
        self.line.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.line.flush()
    }
}

impl Transport for Fenced {
    fn second_handle(&self) -> io::Result<Box<dyn Transport>> {
        let line = self.line.second_handle()?;
        Ok(Box::new(Self::new(line, self.fence.clone())))
    }

    fn shut_down(&self) {
        self.line.shut_down();
    }

    fn descriptor(&self) -> Option<RawFd> {
        self.line.descriptor()
    }

    fn has_unread(&self) -> bool {
        self.line.has_unread()
    }
}
