//! What is started and what is not.

use std::vec::Vec;

use crate::process::{FaultAction, ProcessLoadError, ShortId, State};
use crate::test_utils::{TestApp, TestKernel};
use tock_tbf::types::TbfParseError;

const RAM: usize = 64 * 1024;

fn load(flash: &[u8]) -> (Result<(), ProcessLoadError>, Vec<&'static str>) {
    let test = TestKernel::new();
    let result = test.load(flash, RAM, FaultAction::Stop);
    let names = test.kernel.processes().map(|p| p.get_process_name());
    (result, names.collect())
}

fn app(name: &'static str) -> TestApp {
    TestApp {
        name,
        ..TestApp::default()
    }
}

fn padding(total_size: u32) -> Vec<u8> {
    let words = [2 | 16 << 16, total_size, 0, 2 | 16 << 16 ^ total_size];
    let mut bytes: Vec<u8> = words.iter().flat_map(|w: &u32| w.to_le_bytes()).collect();
    bytes.resize(total_size as usize, 0xFF);
    bytes
}

#[test]
fn passes_over_padding_and_disabled() {
    let disabled = TestApp {
        enabled: false,
        ..app("off")
    };
    let flash = [
        app("one").image(),
        padding(1024),
        disabled.image(),
        app("two").image(),
        std::vec![0; 64],
        app("behind the end").image(),
    ]
    .concat();
    assert_eq!(load(&flash), (Ok(()), std::vec!["one", "two"]));
}

#[test]
fn one_bad_process_does_not_stop_the_others() {
    let mut corrupt = app("corrupt").image();
    corrupt[40] ^= 1;
    let flash = [corrupt, app("good").image()].concat();
    let (result, names) = load(&flash);
    assert!(matches!(
        result,
        Err(ProcessLoadError::TbfHeaderParseFailure(_))
    ));
    assert_eq!(names, ["good"]);
}

#[test]
fn kernel_versions() {
    for (version, starts) in [
        (Some((2, 0)), true),
        (Some((2, 2)), true),
        (Some((2, 3)), false),
        (Some((1, 0)), false),
        (Some((3, 0)), false),
        (None, false),
    ] {
        let app = TestApp {
            kernel_version: version,
            ..app("v")
        };
        let expected = if starts {
            Ok(())
        } else {
            Err(ProcessLoadError::IncompatibleKernelVersion { version })
        };
        assert_eq!(load(&app.image()).0, expected);
    }
}

#[test]
fn addresses_must_match() {
    let elsewhere = TestApp {
        fixed: Some((0xffff_ffff, 0x1000)),
        ..app("flash")
    };
    assert!(matches!(
        load(&elsewhere.image()).0,
        Err(ProcessLoadError::IncorrectFlashAddress { .. })
    ));
    let elsewhere = TestApp {
        fixed: Some((0x1000, 0xffff_ffff)),
        ..app("ram")
    };
    assert_eq!(
        load(&elsewhere.image()).0,
        Err(ProcessLoadError::MemoryAddressMismatch {
            expected_address: 0x1000
        })
    );
}

#[test]
fn slots_and_memory_run_out_politely() {
    let five = app("x").image().repeat(5);
    let (result, names) = load(&five);
    assert_eq!(
        (result, names.len()),
        (Err(ProcessLoadError::NoProcessSlot), 4)
    );
    let large = TestApp {
        ram: 60 * 1024,
        ..app("large")
    };
    let flash = [large.image(), large.image(), app("small").image()].concat();
    let (result, names) = load(&flash);
    assert_eq!(result, Err(ProcessLoadError::NotEnoughMemory));
    assert_eq!(names, ["large"]);
    let huge = TestApp {
        ram: u32::MAX,
        ..app("huge")
    };
    assert_eq!(
        load(&huge.image()).0,
        Err(ProcessLoadError::NotEnoughMemory)
    );
}

const BROKEN: Result<(), ProcessLoadError> = Err(ProcessLoadError::TbfHeaderParseFailure(
    TbfParseError::NotEnoughFlash,
));

#[test]
fn hostile_lengths_end_the_scan() {
    let mut zero = app("zero").image();
    zero[4..8].copy_from_slice(&0u32.to_le_bytes());
    assert_eq!(load(&zero), (BROKEN, std::vec![]));
    let mut beyond = app("beyond").image();
    beyond[4..8].copy_from_slice(&0x7fff_ffffu32.to_le_bytes());
    assert_eq!(load(&beyond), (BROKEN, std::vec![]));
    assert_eq!(load(&[]), (Ok(()), std::vec![]));
    assert_eq!(load(&[2, 0, 16]), (Ok(()), std::vec![]));
    let mut odd = app("odd").image();
    odd[2] = 17;
    let flash = [odd, app("next").image()].concat();
    assert_eq!(load(&flash), (BROKEN, std::vec!["next"]));
}

#[test]
fn blocks_do_not_overlap_and_the_start_function_is_queued() {
    let test = TestKernel::new();
    let named = TestApp {
        short_id: 0x1234,
        ..app("a")
    };
    let all = test.start_all(&[named, app("b"), app("c")]);
    let mut blocks: Vec<_> = all
        .iter()
        .map(|p| p.as_process().get_addresses())
        .map(|a| (a.sram_start, a.sram_end))
        .collect();
    blocks.sort_unstable();
    assert!(blocks.windows(2).all(|pair| pair[0].1 <= pair[1].0));
    assert!(matches!(all[0].id().short_app_id(), ShortId::Fixed(n) if n.get() == 0x1234));
    assert_eq!(all[1].id().short_app_id(), ShortId::LocallyUnique);
    for process in all {
        let p = process.as_process();
        let a = p.get_addresses();
        assert_eq!((p.get_state(), p.ready()), (State::Yielded, true));
        let Some(crate::process::Task::FunctionCall(call)) = p.dequeue_task() else {
            panic!("no start function");
        };
        assert_eq!(call.pc, a.flash_start + 257);
        assert_eq!(call.argument0, a.flash_start + 256);
        assert_eq!(call.argument1, a.sram_start);
        assert_eq!(call.argument2, a.sram_end - a.sram_start);
        assert_eq!(call.argument3, a.sram_app_brk);
    }
}

#[test]
fn each_reason_reads_as_a_sentence() {
    use ProcessLoadError as E;
    for (error, text) in [
        (
            E::TbfHeaderParseFailure(TbfParseError::ChecksumMismatch(1, 2)),
            "its header is wrong: its checksum is 0x00000002, not 0x00000001 as stated",
        ),
        (E::NotEnoughMemory, "there is not enough RAM for it"),
        (
            E::MemoryAddressMismatch {
                expected_address: 0x2000_0000,
            },
            "it is linked for RAM at 0x20000000, which is not free",
        ),
        (
            E::IncorrectFlashAddress {
                actual_address: 0x100,
                expected_address: 0x200,
            },
            "it is linked for flash at 0x00000200 and lies at 0x00000100",
        ),
        (
            E::IncompatibleKernelVersion {
                version: Some((3, 0)),
            },
            "it needs kernel version 3.0, this is 2.2",
        ),
        (
            E::IncompatibleKernelVersion { version: None },
            "it does not say which kernel version it needs",
        ),
    ] {
        assert_eq!(std::format!("{error}"), text);
    }
}

/// Whatever a place is full of, its messages are few and short, and say how many objects there are.
#[test]
fn a_place_full_of_objects_is_told_in_bounded_text() {
    use crate::capabilities::SetDebugWriterCapability;
    use crate::process::LOAD_TEXT_MAX;
    use std::cell::RefCell;
    use std::string::String;
    struct Sink(RefCell<String>);
    impl crate::debug::DebugSink for Sink {
        fn write(&self, text: &str) {
            self.0.borrow_mut().push_str(text);
        }
    }
    let sink: &'static Sink = std::boxed::Box::leak(std::boxed::Box::new(Sink(RefCell::default())));
    crate::debug::set_debug_sink(sink, &crate::create_capability!(SetDebugWriterCapability));
    const NAME: &str = "a name that is as long as a name may be, which is 64 characters.";
    assert_eq!(NAME.len(), tock_tbf::types::NAME_MAX);
    for (enabled, version, reason) in [
        (true, (3, 0), "it needs kernel version 3.0, this is 2.2"),
        (false, (2, 0), "is disabled and not started"),
    ] {
        let app = TestApp {
            enabled,
            kernel_version: Some(version),
            ..app(NAME)
        };
        let _ = load(&app.image().repeat(40));
        let text = sink.0.take();
        assert_eq!(text.matches(reason).count(), 3, "{text}");
        assert!(text.contains("\r\n37 more objects of "), "{text}");
        // The longest reason has 73 characters, the longest line on what was not looked at 90.
        let longest = text.len() + 3 * (73 - 40) + 90;
        assert!(longest <= LOAD_TEXT_MAX, "{longest}: {text}");
    }
}
