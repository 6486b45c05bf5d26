//! A driver with everything a driver can have.

use kernel::ErrorCode;
use kernel::deferred_call::{DeferredCall, DeferredCallClient};
use kernel::grant::{AllowRoCount, AllowRwCount, Grant, GrantData, GrantKernelData, UpcallCount};
use kernel::process::{self, ProcessId, ShortId};
use kernel::processbuffer::{
    ReadableProcessBuffer, ReadableProcessSlice, UserspaceReadableProcessBuffer,
    WriteableProcessBuffer, WriteableProcessSlice,
};
use kernel::storage_permissions::StoragePermissions;
use kernel::syscall::{CommandReturn, SyscallDriver};
use kernel::upcall::{UpcallError, UpcallId};

pub(crate) struct Driver {
    pub(crate) apps: Grant<App, UpcallCount<2>, AllowRoCount<1>, AllowRwCount<1>>,
    pub(crate) later: DeferredCall,
}

#[derive(Default)]
pub(crate) struct App(u32);

impl SyscallDriver for Driver {
    fn command(
        &self,
        command_num: usize,
        r2: usize,
        r3: usize,
        process_id: ProcessId,
    ) -> CommandReturn {
        match command_num {
            0 => CommandReturn::success(),
            1 => CommandReturn::success_u32(1),
            2 => CommandReturn::success_u32_u32(1, 2),
            3 => CommandReturn::success_u32_u32_u32(1, 2, 3),
            4 => CommandReturn::success_u64(1),
            5 => CommandReturn::success_u32_u64(1, 2),
            6 => CommandReturn::failure_u32(ErrorCode::INVAL, 1),
            7 => CommandReturn::failure_u32_u32(ErrorCode::INVAL, 1, 2),
            8 => CommandReturn::failure_u64(ErrorCode::INVAL, 1),
            9 => Ok::<(), ErrorCode>(()).into(),
            10 => process::Error::OutOfMemory.into(),
            11 => self.with_app(process_id, r2, r3),
            _ => CommandReturn::failure(ErrorCode::NOSUPPORT),
        }
    }

    fn allow_userspace_readable(
        &self,
        _: ProcessId,
        _: usize,
        buffer: UserspaceReadableProcessBuffer,
    ) -> Result<UserspaceReadableProcessBuffer, (UserspaceReadableProcessBuffer, ErrorCode)> {
        Err((buffer, ErrorCode::NOSUPPORT))
    }

    fn allocate_grant(&self, process_id: ProcessId) -> Result<(), process::Error> {
        self.apps.enter(process_id, |_, _| {})
    }
}

impl Driver {
    fn with_app(&self, process_id: ProcessId, a: usize, b: usize) -> CommandReturn {
        self.apps
            .enter(
                process_id,
                |app: &mut GrantData<App>, kernel_data: &GrantKernelData| {
                    app.0 += 1;
                    let queued: Result<(), UpcallError> = kernel_data.schedule_upcall(0, (a, b, 0));
                    match queued {
                        Err(UpcallError::QueueFull) => {
                            kernel_data.remove_pending_upcalls(1);
                        }
                        Err(UpcallError::InvalidSubscribeNum | UpcallError::KernelError)
                        | Ok(()) => {}
                    }
                    let read: Result<usize, process::Error> = kernel_data
                        .get_readonly_processbuffer(0)
                        .and_then(|buffer| buffer.enter(read_slice));
                    let written = kernel_data
                        .get_readwrite_processbuffer(0)
                        .and_then(|buffer| buffer.mut_enter(write_slice));
                    match (read, written) {
                        (Ok(count), Ok(Ok(()))) => CommandReturn::success_u32(count as u32),
                        (_, Ok(Err(code))) => CommandReturn::failure(code),
                        (Err(error), _) | (_, Err(error)) => error.into(),
                    }
                },
            )
            .unwrap_or_else(|error| error.into())
    }

    fn everybody(&self) {
        self.apps.each(
            |id: ProcessId, app: &mut GrantData<App>, _: &GrantKernelData| {
                app.0 = id.id() as u32;
            },
        );
        for grant in self.apps.iter() {
            let _: ProcessId = grant.processid();
            let _: Option<u32> = grant.try_enter(|app, _| app.0);
        }
        // As in upstream's console and low-level debug: what a grant's closure returns, it returns.
        for grant in self.apps.iter() {
            let id = grant.processid();
            let is_first: bool = grant.enter(|app, kernel_data| {
                app.0 = self.length(kernel_data) as u32;
                id.id() == 0
            });
            if is_first {
                break;
            }
        }
    }

    fn length(&self, kernel_data: &GrantKernelData) -> usize {
        kernel_data
            .get_readonly_processbuffer(0)
            .map_or(0, |buffer| buffer.len())
    }

    /// Bytes that arrived, into what the process lent.
    fn fill(&self, id: ProcessId, bytes: &'static [u8]) -> Result<usize, ErrorCode> {
        self.apps
            .enter(id, |_, kernel_data| {
                kernel_data
                    .get_readwrite_processbuffer(0)
                    .and_then(|buffer| {
                        buffer.mut_enter(|slice| {
                            let pairs = slice.iter().zip(bytes);
                            pairs.map(|(place, byte)| place.set(*byte)).count()
                        })
                    })
                    .unwrap_or(0)
            })
            .map_err(ErrorCode::from)
    }
}

fn read_slice(slice: &ReadableProcessSlice) -> usize {
    let mut copy = [0; 4];
    let _: Result<(), ErrorCode> = slice[0..4].copy_to_slice_or_err(&mut copy);
    slice[..4].copy_to_slice(&mut copy);
    let _: Option<&ReadableProcessSlice> = slice.get(1..2);
    slice
        .chunks(2)
        .map(ReadableProcessSlice::len)
        .sum::<usize>()
        + slice
            .iter()
            .map(|byte| usize::from(byte.get()))
            .sum::<usize>()
}

fn write_slice(slice: &WriteableProcessSlice) -> Result<(), ErrorCode> {
    slice[0..4].copy_from_slice(&[0; 4]);
    slice[4].set(slice[5].get());
    slice
        .get(1..2)
        .ok_or(ErrorCode::SIZE)?
        .copy_from_slice_or_err(&[1])
}

impl DeferredCallClient for Driver {
    fn handle_deferred_call(&self) {
        self.later.set();
        let _: bool = self.later.is_pending();
    }

    fn register(&'static self) {
        self.later.register(self);
    }
}

fn errors(error: process::Error) -> usize {
    let code: ErrorCode = error.into();
    kernel::errorcode::into_statuscode(Err(code))
}

fn names(id: ProcessId) -> bool {
    let (_start, _end): (usize, usize) = id.get_editable_flash_range();
    let may_write = id
        .get_storage_permissions()
        .and_then(|permissions| permissions.get_write_id());
    let may_read = |id: u32, permissions: StoragePermissions| {
        permissions.check_read_permission(id) && permissions.check_modify_permission(id)
    };
    let _ = may_read;
    may_write.is_some()
        || matches!(
            id.short_app_id(),
            ShortId::Fixed(_) | ShortId::LocallyUnique
        )
}

/// Each variant can be asked for.
fn asked(answer: &CommandReturn) -> bool {
    let _: [Option<ErrorCode>; 3] = [
        answer.get_failure(),
        answer.get_failure_u32().map(|(code, _)| code),
        answer.get_failure_2_u32().map(|(code, _, _)| code),
    ];
    let _: Option<(ErrorCode, u64)> = answer.get_failure_u64();
    let _: Option<u32> = answer.get_success_u32();
    let _: Option<(u32, u32)> = answer.get_success_2_u32();
    let _: Option<(u32, u32, u32)> = answer.get_success_3_u32();
    let _: Option<u64> = answer.get_success_u64();
    let _: Option<(u32, u64)> = answer.get_success_u32_u64();
    answer.is_failure()
        || answer.is_failure_u32()
        || answer.is_failure_2_u32()
        || answer.is_failure_u64()
        || answer.is_success()
        || answer.is_success_u32()
        || answer.is_success_2_u32()
        || answer.is_success_3_u32()
        || answer.is_success_u64()
        || answer.is_success_u32_u64()
}

fn ids(id: UpcallId) -> (usize, usize) {
    (id.driver_num, id.subscribe_num)
}
