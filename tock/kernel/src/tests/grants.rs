//! Grants: allocation, entering, ends of processes.

use super::driver::{NUM, driver};
use crate::process::Error;
use crate::processbuffer::{ReadableProcessBuffer, WriteableProcessBuffer};
use crate::test_utils::{TestApp, TestKernel};

#[test]
fn each_process_has_its_own() {
    let test = TestKernel::new();
    let driver = driver(&test);
    let all = test.start_all(&[TestApp::default(), TestApp::default()]);
    for (process, times) in [(&all[0], 3), (&all[1], 1)] {
        for n in 1..=times {
            assert_eq!(process.command(driver, 1, 0, 0).get_success_u32(), Some(n));
        }
    }
    let mut seen = std::vec![];
    driver.apps.each(|id, data, _| seen.push((id, data.value)));
    assert_eq!(seen, [(all[0].id(), 3), (all[1].id(), 1)]);
}

#[test]
fn entering_twice_is_refused_and_leaving_is_certain() {
    let test = TestKernel::new();
    let driver = driver(&test);
    let all = test.start_all(&[TestApp::default(), TestApp::default()]);
    let (id, other) = (all[0].id(), all[1].id());
    let inside = driver.apps.enter(id, |_, _| {
        assert_eq!(driver.apps.enter(id, |_, _| ()), Err(Error::AlreadyInUse));
        driver.apps.each(|each, _, _| assert_ne!(each, id));
        driver.apps.enter(other, |data, _| data.value).unwrap()
    });
    assert_eq!(inside, Ok(0));
    let panicked = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| {
        driver.apps.enter(id, |_, _| panic!("in the driver"))
    }));
    assert!(panicked.is_err());
    assert!(driver.apps.enter(id, |_, _| ()).is_ok());
}

/// So that using it cannot fail: upstream's `enter` of what a loop yields returns what the closure does, and panics where
/// the grant is entered.
#[test]
fn what_a_loop_yields_is_entered_until_it_is_dropped() {
    let test = TestKernel::new();
    let driver = driver(&test);
    let all = test.start_all(&[TestApp::default(), TestApp::default()]);
    for process in &all {
        process.command(driver, 1, 0, 0);
    }
    let mut values = std::vec![];
    for grant in driver.apps.iter() {
        let id = grant.processid();
        assert_eq!(driver.apps.enter(id, |_, _| ()), Err(Error::AlreadyInUse));
        values.push(grant.enter(|data, _| data.value));
        assert_eq!(driver.apps.enter(id, |_, _| ()), Ok(()));
    }
    assert_eq!(values, [1, 1]);
    drop(driver.apps.iter().last());
    let inside = driver.apps.enter(all[0].id(), |_, _| {
        let mut others = driver.apps.iter().map(|grant| grant.processid());
        (others.next(), others.next())
    });
    assert_eq!(inside, Ok((Some(all[1].id()), None)));
}

#[test]
fn restart_and_end_take_grants_away() {
    let test = TestKernel::new();
    let driver = driver(&test);
    let process = test.start(&TestApp::default());
    let old = process.id();
    process.command(driver, 1, 0, 0);
    process.restart();
    assert_eq!(driver.apps.enter(old, |_, _| ()), Err(Error::NoSuchApp));
    assert_eq!(driver.apps.iter().count(), 0);
    assert_eq!(process.command(driver, 1, 0, 0).get_success_u32(), Some(1));
    process.terminate();
    let id = process.id();
    assert_eq!(driver.apps.enter(id, |_, _| ()), Err(Error::InactiveApp));
    assert_eq!(driver.apps.iter().count(), 0);
}

#[test]
fn a_restart_waits_for_the_driver_to_leave() {
    let test = TestKernel::new();
    let driver = driver(&test);
    let process = test.start(&TestApp::default());
    let (id, p) = (process.id(), process.as_process());
    driver
        .apps
        .enter(id, |data, _| {
            p.try_restart(None);
            p.finish_restart();
            data.value = 7;
            assert_eq!(process.id(), id, "not under the driver");
        })
        .unwrap();
    assert!(p.ready() && !p.is_running());
    p.finish_restart();
    assert_ne!(process.id(), id);
    assert_eq!(process.command(driver, 1, 0, 0).get_success_u32(), Some(1));
}

#[test]
fn buffers_and_upcalls_through_the_grant() {
    let test = TestKernel::new();
    let driver = driver(&test);
    let process = test.start(&TestApp::default());
    assert_eq!(process.upcalls(), []);
    process.allow_ro(NUM, driver, 1, b"hello").unwrap();
    let out = process.allow_rw(NUM, driver, 0, 5).unwrap();
    process.subscribe(NUM, driver, 2).unwrap();
    driver
        .apps
        .enter(process.id(), |_, kernel| {
            let from = kernel.get_readonly_processbuffer(1).unwrap();
            let to = kernel.get_readwrite_processbuffer(0).unwrap();
            assert_eq!((from.len(), to.len()), (5, 5));
            from.enter(|from| {
                to.mut_enter(|to| {
                    let mut bytes = [0; 5];
                    from.copy_to_slice(&mut bytes);
                    bytes.reverse();
                    to.copy_from_slice(&bytes);
                })
            })
            .unwrap()
            .unwrap();
            assert_eq!(kernel.get_readonly_processbuffer(0).unwrap().len(), 0);
            assert!(kernel.get_readonly_processbuffer(2).is_err());
            assert!(kernel.get_readwrite_processbuffer(2).is_err());
            kernel.schedule_upcall(2, (1, 2, 3)).unwrap();
            assert!(kernel.schedule_upcall(3, (0, 0, 0)).is_err());
        })
        .unwrap();
    assert_eq!(process.read(out, 5), b"olleh");
    assert_eq!(process.upcalls(), [(2, (1, 2, 3))]);
}

#[test]
fn a_control_block_is_small() {
    let test = TestKernel::new();
    let _driver = driver(&test);
    let process = test.start(&TestApp::default());
    let sizes = process.as_process().get_sizes();
    // Twice the words of the board, whose own limit is checked there.
    assert!(sizes.process_control_block <= 1500, "{sizes:?}");
}
