//! Register programs that exchange words with a device that has queues.

use super::claim_store;
use super::programs::{Outcome, PASS, run};
use berth_exposure::program::{Exchange, Instruction, Place, Ready};
use berth_exposure::{DRIVER_NUM, Width, allow, command};
use kernel::ErrorCode;
use kernel::test_utils::{TestApp, TestKernel, TestProcess};
use std::collections::VecDeque;
use std::sync::Mutex;
use wasm_host::{BusError, Exposure, ProgramSlot, Register, Registers, WasmHost, Widths, Window};

/// A device with queues of eight words and its output wired to its input, as PL022 has it. A word is on its way as long as a
/// number of reads of the status.
struct Loop {
    slowness: u32,
    inside: Mutex<Inside>,
}

#[derive(Default)]
struct Inside {
    transmit: VecDeque<u16>,
    receive: VecDeque<u16>,
    time: u32,
    lost: u32,
}

const DATA: u16 = 0x8;
const STATE: u16 = 0xc;
const QUEUE: usize = 8;

impl Window for Loop {
    fn len(&self) -> usize {
        0x10
    }
    fn load(&self, offset: u16, width: Width) -> Result<u32, BusError> {
        let mut inside = self.inside.lock().unwrap();
        if (offset, width) == (DATA, Width::Bits16) {
            let word = inside.receive.pop_front();
            return Ok(word.expect("read only what has arrived").into());
        }
        assert_eq!((offset, width), (STATE, Width::Bits32));
        inside.time += 1;
        if inside.time >= self.slowness {
            inside.time = 0;
            if let Some(word) = inside.transmit.pop_front() {
                if inside.receive.len() < QUEUE {
                    inside.receive.push_back(word);
                } else {
                    inside.lost += 1;
                }
            }
        }
        let room = inside.transmit.len() < QUEUE;
        Ok(u32::from(room) << 1 | u32::from(!inside.receive.is_empty()) << 2)
    }
    fn store(&self, offset: u16, width: Width, value: u32) -> Result<(), BusError> {
        assert_eq!((offset, width), (DATA, Width::Bits16));
        let mut inside = self.inside.lock().unwrap();
        assert!(
            inside.transmit.len() < QUEUE,
            "written only where there is room"
        );
        inside.transmit.push_back(value as u16);
        Ok(())
    }
}

/// A process with a claim of a device that is `slowness` slow.
fn looped(slowness: u32) -> (TestProcess, WasmHost<1>, u16, &'static Loop) {
    static REGISTERS: [Register; 2] = [
        Register::new(DATA, 0xffff, 0xffff)
            .size(wasm_host::Width::Bits16)
            .widths(Widths::BITS16)
            .zero_rest(),
        Register::new(STATE, 0x1f, 0),
    ];
    let window = Box::leak(Box::new(Loop {
        slowness,
        inside: Mutex::default(),
    }));
    let table = Box::leak(Box::new([Exposure::new(
        "spi",
        window,
        0x10,
        Registers::List(&REGISTERS),
    )]));
    let slots = Box::leak(Box::new([ProgramSlot::new()]));
    let kernel = TestKernel::new();
    let host = WasmHost::new(table, claim_store(), kernel.create_grant(DRIVER_NUM)).unwrap();
    let host = host.with_programs(slots);
    let process = kernel.start_all(&[TestApp::default()]).remove(0);
    { process.allow_ro(DRIVER_NUM, &host, allow::RO_LABEL, b"spi") }.unwrap();
    let claimed = process.command(&host, command::CLAIM, 1, 3);
    let (handle, ..) = claimed.get_success_3_u32().unwrap();
    (process, host, handle as u16, window)
}

fn loopback(words: u16, limit: u32) -> Exchange {
    Exchange {
        data: Place {
            offset: DATA,
            width: Width::Bits16,
        },
        status: STATE,
        words,
        under_way: QUEUE as u8,
        room: Some(Ready { bit: 1, is: true }),
        from_input: true,
        filled: Some(Ready { bit: 2, is: true }),
        to_output: true,
        limit,
    }
}

#[test]
fn a_kilobyte_comes_back_through_a_device_with_queues() {
    let sent: Vec<u8> = (0..1024_u32).map(|at| (at * 7 % 251) as u8).collect();
    for slowness in [1, 2, 30] {
        let (process, host, handle, device) = looped(slowness);
        let program = [Instruction::Exchange(loopback(512, 100))];
        let (outcome, calls) = run(&process, &host, handle, &program, &sent, 1024);
        assert_eq!(outcome, Outcome::Done(sent.clone()), "slowness {slowness}");
        assert!(calls > 512 / PASS && device.inside.lock().unwrap().lost == 0);
        // Again, without the data: its queues are empty.
        let program = [Instruction::Exchange(Exchange {
            from_input: false,
            to_output: false,
            ..loopback(9, 100)
        })];
        let (outcome, _) = run(&process, &host, handle, &program, &[], 0);
        assert_eq!(outcome, Outcome::Done(vec![]));
    }
}

#[test]
fn a_device_that_stands_still_ends_an_exchange() {
    let (process, host, handle, _) = looped(u32::MAX);
    let program = [Instruction::Exchange(loopback(20, 10))];
    let (outcome, _) = run(&process, &host, handle, &program, &[7; 40], 40);
    assert_eq!(outcome, Outcome::Failed(ErrorCode::NOACK, 0, vec![]));
}

/// One way only: a word written counts as under way no longer than it takes to write it.
#[test]
fn words_go_one_way_too() {
    let (process, host, handle, device) = looped(3);
    let send = Exchange {
        filled: None,
        to_output: false,
        under_way: 1,
        ..loopback(10, 50)
    };
    let receive = Exchange {
        room: None,
        from_input: false,
        ..loopback(8, 50)
    };
    let input: Vec<u8> = (0..20).collect();
    let program = [Instruction::Exchange(send), Instruction::Exchange(receive)];
    let (outcome, _) = run(&process, &host, handle, &program, &input, 16);
    assert_eq!(outcome, Outcome::Done(input[..16].to_vec()));
    assert_eq!(device.inside.lock().unwrap().lost, 0);
}
