//! Applications in flash: whatever it holds, the loader ends, and what it starts lies apart and in its own RAM.

use kernel::process::FaultAction;
use kernel::test_utils::{TestApp, TestKernel};
use tock_tbf::parse::{BASE_SIZE, parse_tbf_header, parse_tbf_header_lengths};

/// RAM that the processes share.
const RAM: usize = 32 * 1024;

/// Most bytes of flash that are looked at.
const FLASH_MAX: usize = 4096;

/// The first byte says whether checksums are made right first.
pub fn body(input: &[u8]) {
    let Some((kind, flash)) = input.split_first() else {
        return;
    };
    let mut flash = flash[..flash.len().min(FLASH_MAX)].to_vec();
    if kind % 2 == 1 {
        seal(&mut flash);
    }
    header(&flash);
    load(&flash);
}

/// Makes the checksums of all objects right, one behind the other.
fn seal(mut flash: &mut [u8]) {
    while let Some(start) = flash.first_chunk::<8>() {
        let length = usize::from(u16::from_le_bytes([start[2], start[3]]));
        let total = u32::from_le_bytes([start[4], start[5], start[6], start[7]]) as usize;
        let Some(header) = flash.get_mut(..length).filter(|_| length >= BASE_SIZE) else {
            return;
        };
        header[12..16].fill(0);
        let words = header.as_chunks::<4>().0.iter();
        let sum = words.fold(0, |sum, word| sum ^ u32::from_le_bytes(*word));
        header[12..16].copy_from_slice(&sum.to_le_bytes());
        let Some((_, behind)) = flash.split_at_mut_checked(total.max(BASE_SIZE)) else {
            return;
        };
        flash = behind;
    }
}

/// A header that is taken has nothing outside of its object.
fn header(flash: &[u8]) {
    let Some(start) = flash.first_chunk::<8>() else {
        return;
    };
    let Ok((version, length, total)) = parse_tbf_header_lengths(start) else {
        return;
    };
    assert!(version == 2 && usize::from(length) >= BASE_SIZE && u32::from(length) <= total);
    let Some(bytes) = flash.get(..usize::from(length)) else {
        return;
    };
    let Ok(header) = parse_tbf_header(bytes, version) else {
        return;
    };
    assert_eq!((header.length(), header.total_size()), (length, total));
    if header.is_padding() {
        return;
    }
    assert!(header.get_protected_size() <= header.get_init_function_offset());
    assert!(header.get_init_function_offset() < header.get_binary_end());
    assert!(header.get_binary_end() <= total);
    for index in 0..header.number_writeable_flash_regions() {
        if let Some((start, length)) = header.get_writeable_flash_region(index) {
            assert!(u64::from(start) + u64::from(length) <= u64::from(total));
        }
    }
    assert!(header.storage_read_ids().count() <= bytes.len() / 4);
    assert!(header.storage_modify_ids().count() <= bytes.len() / 4);
    for driver in [0, 1, usize::MAX] {
        let _ = header.get_command_permissions(driver, 0);
        let _ = header.get_command_permissions(driver, usize::MAX);
    }
}

/// The loader ends, and RAM and flash of what it starts are where they may be.
fn load(flash: &[u8]) {
    let test = TestKernel::new();
    let _ = test.load(flash, RAM, FaultAction::Stop);
    test.assert_apart(RAM, flash.len());
}

/// Applications with all that a header may say, alone and in a row.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let plain = TestApp::default();
    let all = TestApp {
        name: "a longer name",
        ram: 8000,
        fixed: Some((0x2000_8000, 0x4_0000)),
        short_id: 0x1234,
        permissions: &[(1, 0, 3), (0x1_0002, 1, u64::MAX)],
        storage: Some((7, &[1, 2], &[3])),
        ..TestApp::default()
    };
    let off = TestApp {
        enabled: false,
        kernel_version: None,
        ..TestApp::default()
    };
    let images = [plain.image(), all.image(), off.image()];
    let row = images.concat();
    let seeds = images.into_iter().chain([row]);
    seeds.map(|flash| [&[1], &flash[..]].concat()).collect()
}
