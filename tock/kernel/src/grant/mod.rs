//! Memory that a driver keeps in each process that uses it.
//!
//! A driver asks at boot for a [`Grant<T, ..>`](Grant). When a process first
//! uses the driver, the kernel takes memory from that process's own RAM block
//! for a `T`, for the upcalls the process subscribes and the buffers it lends.
//! So one process cannot exhaust what drivers have for another, and all of it
//! is gone when the process restarts.
//!
//! Rules of entering: [`Grant::enter`] gives `&mut T`, so a grant of one
//! process can be entered once at a time; entering it again inside answers
//! [`Error::AlreadyInUse`] (upstream panics). Other grants and other
//! processes can be entered inside.

mod memory;

use core::marker::PhantomData;
use core::mem::{align_of, size_of};
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;

pub(crate) use self::memory::KernelPart;
use self::memory::Shape;
use crate::errorcode::ErrorCode;
use crate::kernel::Kernel;
use crate::process::{
    Error, FunctionCall, FunctionCallSource, Process, ProcessId, ReturnArguments, Task,
};
use crate::processbuffer::{
    ReadOnlyProcessBuffer, ReadOnlyProcessBufferRef, ReadWriteProcessBuffer,
    ReadWriteProcessBufferRef,
};
use crate::upcall::{UpcallError, UpcallId};

/// How many upcalls a driver has.
pub trait UpcallSize {
    /// The number.
    const COUNT: u8;
}

/// The number of upcalls, as a type.
pub struct UpcallCount<const NUM: u8>;
impl<const NUM: u8> UpcallSize for UpcallCount<NUM> {
    const COUNT: u8 = NUM;
}

/// How many read-only buffers a driver has.
pub trait AllowRoSize {
    /// The number.
    const COUNT: u8;
}

/// The number of read-only buffers, as a type.
pub struct AllowRoCount<const NUM: u8>;
impl<const NUM: u8> AllowRoSize for AllowRoCount<NUM> {
    const COUNT: u8 = NUM;
}

/// How many read-write buffers a driver has.
pub trait AllowRwSize {
    /// The number.
    const COUNT: u8;
}

/// The number of read-write buffers, as a type.
pub struct AllowRwCount<const NUM: u8>;
impl<const NUM: u8> AllowRwSize for AllowRwCount<NUM> {
    const COUNT: u8 = NUM;
}

/// The driver's own data, while the grant is entered.
pub struct GrantData<'a, T: 'a + ?Sized> {
    data: &'a mut T,
}

impl<T: ?Sized> Deref for GrantData<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        self.data
    }
}

impl<T: ?Sized> DerefMut for GrantData<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.data
    }
}

/// What the kernel keeps beside the driver's data: upcalls and lent buffers.
pub struct GrantKernelData<'a> {
    part: KernelPart<'a>,
    driver_num: usize,
    process: &'a dyn Process,
}

impl<'a> GrantKernelData<'a> {
    fn upcall_id(&self, subscribe_num: usize) -> UpcallId {
        UpcallId {
            driver_num: self.driver_num,
            subscribe_num,
        }
    }

    /// Queue an event for the process. If no function is subscribed it can
    /// still wake a process that waits for it.
    ///
    /// # Errors
    ///
    /// See [`UpcallError`]; the event is dropped.
    pub fn schedule_upcall(
        &self,
        subscribe_num: usize,
        r: (usize, usize, usize),
    ) -> Result<(), UpcallError> {
        let Some(cell) = self.part.upcall(subscribe_num) else {
            return Err(UpcallError::InvalidSubscribeNum);
        };
        let (function, appdata) = cell.get();
        let upcall_id = self.upcall_id(subscribe_num);
        let task = if function == 0 {
            Task::ReturnValue(ReturnArguments {
                upcall_id,
                argument0: r.0,
                argument1: r.1,
                argument2: r.2,
            })
        } else {
            Task::FunctionCall(FunctionCall {
                source: FunctionCallSource::Driver(upcall_id),
                argument0: r.0,
                argument1: r.1,
                argument2: r.2,
                argument3: appdata,
                pc: function,
            })
        };
        self.process
            .enqueue_task(task)
            .map_err(|error| match error {
                ErrorCode::NOMEM => UpcallError::QueueFull,
                _ => UpcallError::KernelError,
            })
    }

    /// Take the oldest queued event of this number.
    #[must_use]
    pub fn remove_upcall(&self, subscribe_num: usize) -> Option<Task> {
        self.process.remove_upcall(self.upcall_id(subscribe_num))
    }

    /// Drop all queued events of this number; how many there were.
    pub fn remove_pending_upcalls(&self, subscribe_num: usize) -> usize {
        self.process
            .remove_pending_upcalls(self.upcall_id(subscribe_num))
    }

    /// The buffer lent for reading under this number; empty if none was lent yet.
    ///
    /// # Errors
    ///
    /// [`Error::AddressOutOfBounds`] the driver has no such number.
    pub fn get_readonly_processbuffer(
        &self,
        allow_ro_num: usize,
    ) -> Result<ReadOnlyProcessBufferRef<'_>, Error> {
        let cell = self.part.read_only(allow_ro_num);
        let (address, length) = cell.ok_or(Error::AddressOutOfBounds)?.get();
        // SAFETY: Allow put only what `build_readonly_process_buffer` had
        // checked into this cell, and the break never falls below it.
        #[allow(unsafe_code)]
        let buffer =
            unsafe { ReadOnlyProcessBuffer::new(address, length, self.process.processid()) };
        Ok(ReadOnlyProcessBufferRef::new(buffer))
    }

    /// The buffer lent for writing under this number; empty if none was lent yet.
    ///
    /// # Errors
    ///
    /// [`Error::AddressOutOfBounds`] the driver has no such number.
    pub fn get_readwrite_processbuffer(
        &self,
        allow_rw_num: usize,
    ) -> Result<ReadWriteProcessBufferRef<'_>, Error> {
        let cell = self.part.read_write(allow_rw_num);
        let (address, length) = cell.ok_or(Error::AddressOutOfBounds)?.get();
        // SAFETY: Allow put only what `build_readwrite_process_buffer` had
        // checked into this cell, and the break never falls below it.
        #[allow(unsafe_code)]
        let buffer =
            unsafe { ReadWriteProcessBuffer::new(address, length, self.process.processid()) };
        Ok(ReadWriteProcessBufferRef::new(buffer))
    }
}

/// What the kernel has to know of a grant's types: one constant for each grant.
struct Kind {
    shape: Shape,
    /// Bytes and alignment of the whole grant.
    size: usize,
    align: usize,
    /// Where the T is in it.
    data_offset: usize,
    /// Writes the first T; room for it must be there.
    write_default: unsafe fn(NonNull<u8>),
}

/// What identifies a grant; the same for all processes.
#[derive(Clone, Copy)]
struct Description {
    kernel: &'static Kernel,
    driver_num: usize,
    grant_num: usize,
    kind: &'static Kind,
}

/// A grant that is entered; leaving is its drop.
struct Entered<'a> {
    process: &'a dyn Process,
    grant_num: usize,
    base: NonNull<u8>,
    /// The T.
    data: NonNull<u8>,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.process.leave_grant(self.grant_num);
    }
}

/// Not generic, so that there is one copy of it in the kernel: drivers enter grants at
/// some forty places.
impl Description {
    /// Enter the grant of a process, allocating it first if need be.
    #[inline(never)]
    fn enter(&self, processid: ProcessId) -> Result<Entered<'static>, Error> {
        let process = self.kernel.process(processid).ok_or(Error::NoSuchApp)?;
        self.enter_process(process)
    }

    /// The same, of a process that is at hand.
    #[allow(unsafe_code)]
    fn enter_process<'a>(&self, process: &'a dyn Process) -> Result<Entered<'a>, Error> {
        let base = match process.enter_grant(self.grant_num) {
            Ok(base) => base,
            Err(Error::OutOfMemory) => self.allocate(process)?,
            Err(error) => return Err(error),
        };
        Ok(Entered {
            process,
            grant_num: self.grant_num,
            base,
            // SAFETY: the offset is inside the memory that `allocate_grant` reserved for
            // this shape, size and alignment.
            data: unsafe { base.add(self.kind.data_offset) },
        })
    }

    /// Allocate the grant and enter it.
    #[cold]
    #[allow(unsafe_code)]
    fn allocate(&self, process: &dyn Process) -> Result<NonNull<u8>, Error> {
        let kind = self.kind;
        let base =
            process.allocate_grant(self.grant_num, self.driver_num, kind.size, kind.align)?;
        // SAFETY: `allocate_grant` just reserved memory of this size and alignment for this
        // grant alone; the T's place in it is aligned, and nothing refers to it yet.
        unsafe {
            KernelPart::initialize(base, kind.shape);
            (kind.write_default)(base.add(kind.data_offset));
        }
        process.enter_grant(self.grant_num)
    }
}

/// A driver's memory in every process that uses it.
pub struct Grant<T: Default, Upcalls: UpcallSize, AllowROs: AllowRoSize, AllowRWs: AllowRwSize> {
    description: Description,
    types: PhantomData<(T, Upcalls, AllowROs, AllowRWs)>,
}

impl<T: Default, Upcalls: UpcallSize, AllowROs: AllowRoSize, AllowRWs: AllowRwSize>
    Grant<T, Upcalls, AllowROs, AllowRWs>
{
    const SHAPE: Shape = Shape {
        upcalls: Upcalls::COUNT,
        read_only: AllowROs::COUNT,
        read_write: AllowRWs::COUNT,
    };

    const KIND: &'static Kind = &Kind {
        shape: Self::SHAPE,
        size: Self::SHAPE.total_size(size_of::<T>(), align_of::<T>()),
        align: Shape::base_align(align_of::<T>()),
        data_offset: Self::SHAPE.data_offset(align_of::<T>()),
        write_default: Self::write_default,
    };

    /// # Safety
    ///
    /// `place` is aligned for a T, has room for one, and nothing refers to it.
    #[allow(unsafe_code)]
    unsafe fn write_default(place: NonNull<u8>) {
        // SAFETY: see above.
        unsafe { place.cast::<T>().write(T::default()) };
    }

    pub(crate) fn new(kernel: &'static Kernel, driver_num: usize, grant_num: usize) -> Self {
        Self {
            description: Description {
                kernel,
                driver_num,
                grant_num,
                kind: Self::KIND,
            },
            types: PhantomData,
        }
    }

    /// Use the grant of one process, allocating it first if need be.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchApp`] no such process any more, [`Error::InactiveApp`] it
    /// has ended, [`Error::OutOfMemory`] its memory is used up,
    /// [`Error::AlreadyInUse`] the grant is entered further up the stack.
    pub fn enter<F, R>(&self, processid: ProcessId, fun: F) -> Result<R, Error>
    where
        F: FnOnce(&mut GrantData<T>, &GrantKernelData) -> R,
    {
        Ok(self.run(&self.description.enter(processid)?, fun))
    }

    /// Run `fun` with a grant of this type that is entered.
    #[allow(unsafe_code)]
    #[inline]
    fn run<F, R>(&self, entered: &Entered<'_>, fun: F) -> R
    where
        F: FnOnce(&mut GrantData<T>, &GrantKernelData) -> R,
    {
        let kernel_data = GrantKernelData {
            // SAFETY: the kernel part was initialised when the grant was allocated.
            part: unsafe { KernelPart::at(entered.base) },
            driver_num: self.description.driver_num,
            process: entered.process,
        };
        // SAFETY: a T was written when the grant was allocated, and `enter_grant`
        // refuses a second entry, so this is the only reference to it.
        let data = unsafe { entered.data.cast::<T>().as_mut() };
        fun(&mut GrantData { data }, &kernel_data)
    }

    /// Use the grant of every process that has it; processes whose grant is
    /// entered further up the stack are left out.
    pub fn each<F>(&self, mut fun: F)
    where
        F: FnMut(ProcessId, &mut GrantData<T>, &GrantKernelData),
    {
        for grant in self.iter() {
            let id = grant.processid();
            grant.enter(|data, kernel_data| fun(id, data, kernel_data));
        }
    }

    /// The grants of all processes that have it, but for those that are entered further up the stack, where
    /// upstream's panic.
    pub fn iter(&self) -> impl Iterator<Item = ProcessGrant<'_, T, Upcalls, AllowROs, AllowRWs>> {
        let description = &self.description;
        description
            .kernel
            .processes()
            .filter(|process| process.grant_is_allocated(description.grant_num) == Some(true))
            .filter_map(|process| description.enter_process(process).ok())
            .map(|entered| ProcessGrant {
                grant: self,
                entered,
            })
    }
}

/// The grant of one process, found by [`Grant::iter`]. It is entered as long as this is there, so using it cannot fail.
pub struct ProcessGrant<
    'a,
    T: Default,
    Upcalls: UpcallSize,
    AllowROs: AllowRoSize,
    AllowRWs: AllowRwSize,
> {
    grant: &'a Grant<T, Upcalls, AllowROs, AllowRWs>,
    entered: Entered<'a>,
}

impl<T: Default, Upcalls: UpcallSize, AllowROs: AllowRoSize, AllowRWs: AllowRwSize>
    ProcessGrant<'_, T, Upcalls, AllowROs, AllowRWs>
{
    /// Whose grant it is.
    #[must_use]
    pub fn processid(&self) -> ProcessId {
        self.entered.process.processid()
    }

    /// Use it.
    pub fn enter<F, R>(self, fun: F) -> R
    where
        F: FnOnce(&mut GrantData<T>, &GrantKernelData) -> R,
    {
        self.grant.run(&self.entered, fun)
    }

    /// Use it; never `None` here, where upstream's answers so for a grant that is entered.
    pub fn try_enter<F, R>(self, fun: F) -> Option<R>
    where
        F: FnOnce(&mut GrantData<T>, &GrantKernelData) -> R,
    {
        Some(self.enter(fun))
    }
}
