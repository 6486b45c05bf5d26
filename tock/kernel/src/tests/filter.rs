//! What a header's permissions let through, and its storage permissions.

use crate::ErrorCode;
use crate::platform::{SyscallFilter, TbfHeaderFilterDefaultAllow};
use crate::syscall::{Syscall, YieldCall};
use crate::test_utils::{TestApp, TestKernel};

fn command(driver_number: usize, subdriver_number: usize) -> Syscall {
    Syscall::Command {
        driver_number,
        subdriver_number,
        arg0: 0,
        arg1: 0,
    }
}

fn others(driver_number: usize) -> [Syscall; 4] {
    [
        Syscall::Subscribe {
            driver_number,
            subdriver_number: 3,
            upcall_ptr: 0,
            appdata: 0,
        },
        Syscall::ReadWriteAllow {
            driver_number,
            subdriver_number: 3,
            allow_address: 0,
            allow_size: 0,
        },
        Syscall::ReadOnlyAllow {
            driver_number,
            subdriver_number: 3,
            allow_address: 0,
            allow_size: 0,
        },
        Syscall::UserspaceReadableAllow {
            driver_number,
            subdriver_number: 3,
            allow_address: 0,
            allow_size: 0,
        },
    ]
}

fn ask(app: &TestApp, syscall: &Syscall) -> Result<(), ErrorCode> {
    let process = TestKernel::new().start(app);
    TbfHeaderFilterDefaultAllow::default().filter_syscall(process.as_process(), syscall)
}

const REFUSED: Result<(), ErrorCode> = Err(ErrorCode::NODEVICE);

#[test]
fn without_permissions_everything_passes() {
    let app = TestApp::default();
    assert_eq!(ask(&app, &command(7, 1000)), Ok(()));
    for call in others(7) {
        assert_eq!(ask(&app, &call), Ok(()));
    }
}

#[test]
fn a_command_needs_its_bit_and_anything_else_the_driver() {
    let app = TestApp {
        permissions: &[(1, 0, 0b10), (1, 1, 1 << 63)],
        ..TestApp::default()
    };
    for (number, expected) in [
        (0, REFUSED),
        (1, Ok(())),
        (2, REFUSED),
        (65, REFUSED),
        (127, Ok(())),
        (128, REFUSED),
        (usize::MAX, REFUSED),
    ] {
        assert_eq!(ask(&app, &command(1, number)), expected, "{number}");
        assert_eq!(ask(&app, &command(2, number)), REFUSED, "{number}");
    }
    for call in others(1) {
        assert_eq!(ask(&app, &call), Ok(()));
    }
    for call in others(2) {
        assert_eq!(ask(&app, &call), REFUSED);
    }
}

#[test]
fn what_a_process_does_to_itself_always_passes() {
    let app = TestApp {
        permissions: &[(1, 0, 0)],
        ..TestApp::default()
    };
    for call in [
        Syscall::Yield {
            yield_type: YieldCall::Wait,
        },
        Syscall::Memop {
            operand: 0,
            arg0: 0,
        },
        Syscall::Exit {
            which: 0,
            completion_code: 0,
        },
    ] {
        assert_eq!(ask(&app, &call), Ok(()));
    }
}

#[test]
fn storage_permissions_are_those_of_the_header() {
    let app = TestApp {
        storage: Some((9, &[3, 0, 4], &[5])),
        ..TestApp::default()
    };
    let id = TestKernel::new().start(&app).id();
    let permissions = id.get_storage_permissions().unwrap();
    assert_eq!(permissions.get_write_id(), Some(9));
    // Id 0 is nobody's, whatever a header says.
    let allowed = |check: &dyn Fn(u32) -> bool| (0..12).filter(|&id| check(id)).collect();
    let reads: std::vec::Vec<u32> = allowed(&|id| permissions.check_read_permission(id));
    let changes: std::vec::Vec<u32> = allowed(&|id| permissions.check_modify_permission(id));
    assert_eq!((reads, changes), (std::vec![3, 4], std::vec![5]));

    let silent = TestKernel::new().start(&TestApp::default());
    assert!(silent.id().get_storage_permissions().is_none());
    silent.terminate();
    let no_id = TestApp {
        storage: Some((0, &[], &[])),
        ..TestApp::default()
    };
    let id = TestKernel::new().start(&no_id).id();
    assert_eq!(id.get_storage_permissions().unwrap().get_write_id(), None);
}
