//! The driver as processes see it.

use kernel::ErrorCode;
use kernel::syscall::CommandReturn;
use kernel::test_utils::{TestApp, TestKernel, TestProcess};
use run_record::{DRIVER_NUM, RunRecord, WORDS_MAX};
use std::vec::Vec;

/// Records that there is room for; one process more is there.
const RECORDS: usize = 2;

struct Scene {
    driver: RunRecord<RECORDS>,
    processes: Vec<TestProcess>,
}

fn scene() -> Scene {
    let kernel = TestKernel::new();
    let driver = RunRecord::new(kernel.create_grant(DRIVER_NUM));
    let processes = kernel.start_all(&[(); RECORDS + 1].map(|()| TestApp::default()));
    Scene { driver, processes }
}

impl Scene {
    fn lend(&self, process: usize, words: &[u32]) {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.lend_bytes(process, &bytes);
    }

    fn lend_bytes(&self, process: usize, bytes: &[u8]) {
        let process = &self.processes[process];
        process
            .allow_ro(DRIVER_NUM, &self.driver, 0, bytes)
            .unwrap();
    }

    fn call(&self, process: usize, number: usize, index: usize) -> CommandReturn {
        self.processes[process].command(&self.driver, number, index, 0)
    }

    /// What a process finds of its previous run.
    fn previous(&self, process: usize) -> Vec<u32> {
        (0..)
            .map_while(|index| self.call(process, 1, index).get_success_u32())
            .collect()
    }

    fn fault_and_restart(&self, process: usize) {
        let process = &self.processes[process];
        self.driver.process_gone(process.id());
        process.restart();
    }
}

#[test]
fn a_fault_hands_the_record_to_the_next_run() {
    let s = scene();
    assert_eq!(s.previous(0), []);
    s.lend(0, &[1, 2, 0xdead_beef]);
    assert_eq!(s.previous(0), [], "the run is not over");
    s.fault_and_restart(0);
    assert_eq!(s.previous(0), [1, 2, 0xdead_beef]);
    // And once more, with a shorter one.
    s.lend(0, &[7]);
    s.fault_and_restart(0);
    assert_eq!(s.previous(0), [7]);
}

#[test]
fn a_run_that_lent_nothing_leaves_the_record_as_it_was() {
    let s = scene();
    s.lend(0, &[5]);
    s.fault_and_restart(0);
    s.fault_and_restart(0);
    assert_eq!(s.previous(0), [5]);
    s.lend(0, &[]);
    s.fault_and_restart(0);
    assert_eq!(s.previous(0), [5]);
}

#[test]
fn a_process_that_is_about_to_restart_can_keep_it_itself() {
    let s = scene();
    let refused = CommandReturn::failure(ErrorCode::RESERVE);
    assert_eq!(s.call(0, 2, 0), refused);
    s.lend(0, &[8, 9]);
    assert!(s.call(0, 2, 0).is_success());
    s.processes[0].restart();
    assert_eq!(s.previous(0), [8, 9]);
}

#[test]
fn the_record_is_cut_to_whole_words_and_to_what_fits() {
    let s = scene();
    s.lend_bytes(0, &[1, 0, 0, 0, 2, 0, 0]);
    s.fault_and_restart(0);
    assert_eq!(s.previous(0), [1]);
    let many: Vec<u32> = (0..WORDS_MAX as u32 + 5).collect();
    s.lend(0, &many);
    s.fault_and_restart(0);
    assert_eq!(s.previous(0), many[..WORDS_MAX]);
    let absent = CommandReturn::failure(ErrorCode::INVAL);
    assert_eq!(s.call(0, 1, usize::MAX), absent);
}

#[test]
fn nobody_reads_or_replaces_the_record_of_another() {
    let s = scene();
    s.lend(0, &[1]);
    s.fault_and_restart(0);
    assert_eq!(s.previous(1), []);
    for _ in 0..3 {
        s.lend(1, &[2, 3]);
        assert!(s.call(1, 2, 0).is_success());
        s.fault_and_restart(1);
    }
    assert_eq!(s.previous(1), [2, 3]);
    assert_eq!(s.previous(0), [1]);
    // There is no room for more.
    s.lend(RECORDS, &[9]);
    let refused = CommandReturn::failure(ErrorCode::NOMEM);
    assert_eq!(s.call(RECORDS, 2, 0), refused);
    s.fault_and_restart(RECORDS);
    assert_eq!(s.previous(RECORDS), []);
    assert_eq!((s.previous(0), s.previous(1)), (vec![1], vec![2, 3]));
}

#[test]
fn it_answers_as_a_driver_should() {
    let s = scene();
    assert!(s.call(0, 0, 0).is_success());
    let unknown = CommandReturn::failure(ErrorCode::NOSUPPORT);
    assert_eq!(s.call(0, 3, 0), unknown);
}
