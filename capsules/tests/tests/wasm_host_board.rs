//! What a board gives to `wasm_host`, with processes of the kernel.

#![allow(unsafe_code)]

mod filter {
    use berth_exposure::filter::{DriverRule, ProcessRule};
    use kernel::ErrorCode;
    use kernel::platform::SyscallFilter;
    use kernel::syscall::Syscall;
    use kernel::test_utils::{TestApp, TestKernel};
    use wasm_host_board::RangeFilter;

    static RULE: ProcessRule = ProcessRule {
        flash_start: 0,
        drivers: &[DriverRule {
            driver: 1,
            commands: 0b11,
            indexed: 0,
            indices: 0,
        }],
    };

    fn command(driver_number: usize, subdriver_number: usize) -> Syscall {
        Syscall::Command {
            driver_number,
            subdriver_number,
            arg0: 0,
            arg1: 0,
        }
    }

    #[test]
    fn whatever_begins_in_the_range_is_held_to_the_list() {
        let test = TestKernel::new();
        let all = test.start_all(&[TestApp::default(), TestApp::default()]);
        let [inside, outside] = [all[1].as_process(), all[0].as_process()];
        let start = inside.get_addresses().flash_start;
        // It need not be the first address of the range.
        let filter = RangeFilter::new(&RULE, start - 4..start + 4);
        let refused = Err(ErrorCode::NODEVICE);
        for (call, answer) in [
            (command(1, 0), Ok(())),
            (command(1, 2), refused),
            (command(2, 0), refused),
        ] {
            assert_eq!(filter.filter_syscall(inside, &call), answer);
            assert_eq!(filter.filter_syscall(outside, &call), Ok(()));
        }
        let subscribe = |driver_number| Syscall::Subscribe {
            driver_number,
            subdriver_number: 0,
            upcall_ptr: 0,
            appdata: 0,
        };
        assert_eq!(filter.filter_syscall(inside, &subscribe(1)), Ok(()));
        assert_eq!(filter.filter_syscall(inside, &subscribe(3)), refused);
        let memop = Syscall::Memop {
            operand: 2,
            arg0: 0,
        };
        assert_eq!(filter.filter_syscall(inside, &memop), Ok(()));
    }
}

mod mapper {
    use kernel::capabilities::ProcessManagementCapability;
    use kernel::test_utils::{TestApp, TestKernel};
    use wasm_host::Mapper;
    use wasm_host_board::RegionMapper;

    struct Management;
    // SAFETY: of this test.
    unsafe impl ProcessManagementCapability for Management {}

    #[test]
    fn what_the_unit_cannot_do_exactly_is_not_opened() {
        let test = TestKernel::new();
        let process = test.start(&TestApp::default());
        let mapper = RegionMapper::new(test.kernel, Management);
        for (start, length) in [
            (0x4000_3000, 0x30),
            (0x4000_3010, 0x20),
            (0x4000_0000, 16),
            (0, 0),
        ] {
            assert!(!mapper.open(process.id(), start, length), "{start:#x}");
        }
        assert!(mapper.open(process.id(), 0x4000_2000, 0x1000));
        assert!(
            !mapper.open(process.id(), 0x4000_2000, 0x1000),
            "it is open"
        );
        process.as_process().setup_mpu();
        let regions = test.chip.mpu.active.borrow();
        assert!(regions.iter().any(|(region, _)| region.size() == 0x1000));
    }

    #[test]
    fn never_more_is_asked_for_than_upstreams_table_holds() {
        let test = TestKernel::new();
        let process = test.start(&TestApp::default());
        let mapper = RegionMapper::new(test.kernel, Management);
        let open = |from: usize| -> Vec<usize> {
            (from..from + 6)
                .map(|number| 0x4000_0000 + number * 0x1000)
                .filter(|start| mapper.open(process.id(), *start, 0x1000))
                .collect()
        };
        let first = open(0);
        assert_eq!(first.len(), 5);
        for start in &first[..3] {
            mapper.close(process.id(), *start, 0x1000);
        }
        assert_eq!(open(8).len(), 3);
        // A run that ends with its regions open: two of the table's places are as good as lost, by upstream's way of counting.
        let id = process.id();
        for start in [8, 9, 10].map(|number| 0x4000_0000 + number * 0x1000) {
            mapper.close(id, start, 0x1000);
        }
        process.restart();
        for start in &first[3..] {
            mapper.close(id, *start, 0x1000);
        }
        assert_eq!(open(16).len(), 3);
    }
}
