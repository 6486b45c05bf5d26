//! `flash_partition`: a part of the flash that is this process's (driver 0xA0001), and one for code that it has
//! compiled (driver 0xA0003).
//!
//! What each call checks and which error it gives stands on the capsule's page
//! (`capsules/flash_partition/README.md`). The calls here sleep until the operation is over.

#![cfg_attr(test, allow(unsafe_code))]

use crate::{ErrorCode, EventSlot, allow, command, subscribe, yield_wait};
use berth_flash::Erases;
use berth_flash::driver::{CODE_DRIVER_NUM, DRIVER_NUM, allow_ro, command as number, upcall};

/// The partition, open to this process for reading until it ends: proof that the
/// kernel did so.
pub struct Partition {
    /// Where the ends of operations arrive. (Yield-WaitFor would need none; upstream Tock's can sleep for ever.)
    done: &'static EventSlot,
    /// The driver's number: which partition.
    driver: usize,
    address: usize,
    length: usize,
    page: usize,
    program_max: usize,
}

impl Partition {
    /// Open the partition; the ends of its operations fill `done`.
    ///
    /// # Errors
    ///
    /// `NoDevice` if the kernel has none for this process, `NoMem` without a protection region.
    pub fn open(done: &'static EventSlot) -> Result<Self, ErrorCode> {
        Self::open_of(DRIVER_NUM, done)
    }

    /// Open the partition of code, for executing too.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open); `NoDevice` also if the manufacturer forbids it.
    pub fn open_code(done: &'static EventSlot) -> Result<Self, ErrorCode> {
        Self::open_of(CODE_DRIVER_NUM, done)
    }

    fn open_of(driver: usize, done: &'static EventSlot) -> Result<Self, ErrorCode> {
        let ask = |number| command(driver, number, 0, 0).success_3_u32();
        let (address, length, page) = ask(number::GEOMETRY)?;
        let (_, _, program_max) = ask(number::LIMITS)?;
        command(driver, number::MAP, 0, 0).success()?;
        subscribe(driver, upcall::DONE, done)?;
        Ok(Self {
            done,
            driver,
            address: address as usize,
            length: length as usize,
            page: page as usize,
            program_max: program_max as usize,
        })
    }

    /// First address.
    #[must_use]
    pub const fn address(&self) -> usize {
        self.address
    }

    /// Length in bytes.
    #[must_use]
    pub const fn length(&self) -> usize {
        self.length
    }

    /// Bytes that are erased together.
    #[must_use]
    pub const fn page(&self) -> usize {
        self.page
    }

    /// Erase page `page`.
    ///
    /// # Errors
    ///
    /// As command 4 and its upcall.
    pub fn erase(&mut self, page: usize) -> Result<(), ErrorCode> {
        command(self.driver, number::ERASE, page, 0).success()?;
        self.end()
    }

    /// The budget of erases; `None` if the kernel has none.
    #[must_use]
    pub fn erases(&self) -> Option<Erases> {
        let ask = |number| command(self.driver, number, 0, 0).success_3_u32();
        let (left, most, period_s) = ask(number::BUDGET).ok()?;
        let (_, refused, _) = ask(number::ERASES).ok()?;
        Some(Erases {
            left,
            most,
            period_s,
            refused,
        })
    }

    /// Program `bytes` at `offset`, in parts if they are many.
    ///
    /// # Errors
    ///
    /// As command 5 and its upcall; parts before the one that failed are programmed.
    pub fn program(&mut self, offset: usize, bytes: &[u8]) -> Result<(), ErrorCode> {
        let parts = bytes.chunks(self.program_max.max(1));
        for (offset, part) in (offset..).step_by(self.program_max.max(1)).zip(parts) {
            allow::with_read_only(self.driver, allow_ro::PROGRAM, part, || {
                command(self.driver, number::PROGRAM, offset, part.len()).success()?;
                self.end()
            })??;
        }
        Ok(())
    }

    /// Sleep until the operation is over. Other events fill their slots meanwhile.
    fn end(&self) -> Result<(), ErrorCode> {
        loop {
            if let Some(event) = self.done.take() {
                let [status, ..] = event.arguments;
                return ErrorCode::from_status(status);
            }
            yield_wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raw::{class, variant};
    use std::rc::Rc;
    use std::{cell::RefCell, vec, vec::Vec};

    /// A kernel that takes 8 bytes a program; the calls that change flash, and what was lent.
    fn kernel(status: usize) -> Rc<RefCell<Vec<[usize; 3]>>> {
        let calls = Rc::new(RefCell::new(Vec::new()));
        let log = calls.clone();
        let lent = RefCell::new(0);
        let mut subscribed = 0;
        crate::host::install(move |class, [r0, r1, r2, r3]| match (class, r1) {
            (class::SUBSCRIBE, upcall::DONE) => {
                subscribed = r3;
                [variant::SUCCESS_2_U32, 0, 0, r3]
            }
            (class::COMMAND, number::GEOMETRY) => [variant::SUCCESS_3_U32, 0x1000, 0x2000, 0x100],
            (class::COMMAND, number::LIMITS) => [variant::SUCCESS_3_U32, 4, 2, 8],
            (class::COMMAND, number::BUDGET) => [variant::SUCCESS_3_U32, 7, 256, 86_400],
            (class::COMMAND, number::ERASES) => [variant::SUCCESS_3_U32, 1_000, 3, 16],
            (class::ALLOW_READ_ONLY, _) => {
                lent.replace(r3);
                [variant::SUCCESS_2_U32, 0, 0, r3]
            }
            (class::YIELD, _) => {
                assert_eq!(
                    r0,
                    crate::raw::yield_variant::WAIT,
                    "WaitFor may sleep for ever"
                );
                // SAFETY: what the subscription gave.
                unsafe { crate::host::upcall(subscribed, [status, 0, 0]) };
                [r0, r1, r2, r3]
            }
            _ => {
                if r1 == number::PROGRAM {
                    assert_eq!(r3, *lent.borrow());
                }
                if r1 != number::MAP {
                    log.borrow_mut().push([r1, r2, r3]);
                }
                [variant::SUCCESS, 0, 0, 0]
            }
        });
        calls
    }

    #[test]
    fn a_long_program_goes_in_parts() {
        let calls = kernel(0);
        static DONE: EventSlot = EventSlot::new();
        let mut partition = Partition::open(&DONE).unwrap();
        assert_eq!((partition.address(), partition.length()), (0x1000, 0x2000));
        assert_eq!(partition.program(0x10, &[7; 20]), Ok(()));
        assert_eq!(partition.erase(3), Ok(()));
        assert_eq!(
            *calls.borrow(),
            vec![
                [number::PROGRAM, 0x10, 8],
                [number::PROGRAM, 0x18, 8],
                [number::PROGRAM, 0x20, 4],
                [number::ERASE, 3, 0],
            ]
        );
    }

    #[test]
    fn the_budget_is_told() {
        kernel(0);
        let erases = Erases {
            left: 7,
            most: 256,
            period_s: 86_400,
            refused: 3,
        };
        static DONE: EventSlot = EventSlot::new();
        assert_eq!(Partition::open(&DONE).unwrap().erases(), Some(erases));
    }

    #[test]
    fn an_end_that_is_a_failure_stops_it() {
        let calls = kernel(ErrorCode::Fail as usize);
        static DONE: EventSlot = EventSlot::new();
        let mut partition = Partition::open(&DONE).unwrap();
        assert_eq!(partition.program(0, &[7; 20]), Err(ErrorCode::Fail));
        assert_eq!(calls.borrow().len(), 1);
        assert_eq!(partition.erase(0), Err(ErrorCode::Fail));
    }
}
