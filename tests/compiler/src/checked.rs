//! Objects and the checker.

use berth_admission::Module as Admitted;
use berth_checker::{Refusal, check, room_words};

use crate::instance::{Unlike, compile};

/// A module and the object that was made of it.
#[derive(Clone, Debug)]
pub struct Object {
    /// The module.
    pub image: Vec<u8>,
    /// The object, as long as the compiler says.
    pub bytes: Vec<u8>,
    /// Bytes of the memory at least.
    pub memory: u32,
}

impl Object {
    /// Compiles a module.
    ///
    /// # Errors
    ///
    /// See [`Unlike`].
    pub fn of(image: &[u8]) -> Result<Self, Unlike> {
        let (mut bytes, report) = compile(image)?;
        bytes.truncate(report.bytes as usize);
        let admitted = Admitted::scan(image).map_err(|error| Unlike::Invalid(error.what.into()))?;
        Ok(Self {
            image: image.to_vec(),
            bytes,
            memory: admitted.memory_bytes as u32,
        })
    }

    /// What the checker says.
    ///
    /// # Errors
    ///
    /// Its refusal.
    pub fn check(&self) -> Result<(), Refusal> {
        self.check_instead(&self.bytes)
    }

    /// What the checker says of other bytes in place of the object.
    ///
    /// # Errors
    ///
    /// Its refusal.
    pub fn check_instead(&self, bytes: &[u8]) -> Result<(), Refusal> {
        let words = room_words(&self.image, bytes.len() as u32)?;
        let mut room = vec![u32::MAX; words as usize];
        check(bytes, &self.image, self.memory, &mut room)
    }
}
