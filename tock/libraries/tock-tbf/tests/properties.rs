//! Whatever flash holds: the parser neither panics nor loops, and what it accepts is
//! inside the object.

use proptest::collection::vec;
use proptest::prelude::*;
use tock_tbf::parse::{BASE_SIZE, parse_tbf_header, parse_tbf_header_lengths};
use tock_tbf::types::{InitialTbfParseError, TbfHeader};

/// Numbers that matter: small ones, ones around a length, any.
fn number() -> impl Strategy<Value = u32> {
    prop_oneof![0..128u32, 0xf0..0x210u32, Just(u32::MAX), any::<u32>()]
}

/// A TLV: mostly types that are known, and mostly of the length they have.
fn entry() -> impl Strategy<Value = Vec<u8>> {
    let program = vec(number(), 5).prop_map(|words| (9u16, words));
    let main = vec(number(), 3).prop_map(|words| (1u16, words));
    let any = (0..12u16, vec(number(), 0..10));
    (prop_oneof![program, main, any], -3..4i32).prop_map(|((kind, words), wrong)| {
        let mut value: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        // Two in seven state it wrong.
        let stated = value.len() as i32 + if wrong.abs() == 3 { wrong } else { 0 };
        let mut bytes = kind.to_le_bytes().to_vec();
        bytes.extend((stated.max(0) as u16).to_le_bytes());
        bytes.append(&mut value);
        bytes
    })
}

/// A header whose lengths and checksum are right, whatever its entries say.
fn header() -> impl Strategy<Value = Vec<u8>> {
    (vec(entry(), 0..8), number(), 0..4u32).prop_map(|(entries, total, flags)| {
        let mut bytes = vec![0; BASE_SIZE];
        bytes.extend(entries.concat());
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        let length = bytes.len() as u32;
        let total = length.saturating_add(total);
        bytes[0..4].copy_from_slice(&(2 | length << 16).to_le_bytes());
        bytes[4..8].copy_from_slice(&total.to_le_bytes());
        bytes[8..12].copy_from_slice(&flags.to_le_bytes());
        let sum = bytes.chunks_exact(4).fold(0, |sum, word| {
            sum ^ u32::from_le_bytes(word.try_into().unwrap())
        });
        bytes[12..16].copy_from_slice(&sum.to_le_bytes());
        bytes
    })
}

/// Ask everything; check what must hold of each answer.
fn ask(header: &TbfHeader, bytes: usize) -> Result<(), TestCaseError> {
    let total = header.total_size();
    prop_assert_eq!(usize::from(header.length()), bytes);
    prop_assert!(u32::from(header.length()) <= total);
    if header.is_padding() {
        return Ok(());
    }
    prop_assert!(header.get_protected_size() <= header.get_binary_end());
    prop_assert!(header.get_binary_end() <= total);
    prop_assert!(header.get_init_function_offset() < header.get_binary_end());
    prop_assert!(header.get_init_function_offset() >= header.get_protected_size());
    for index in (0..header.number_writeable_flash_regions()).chain([usize::MAX]) {
        if let Some((start, length)) = header.get_writeable_flash_region(index) {
            prop_assert!(u64::from(start) + u64::from(length) <= u64::from(total));
        }
    }
    // No list is longer than the header that holds it.
    prop_assert!(header.storage_read_ids().count() <= bytes / 4);
    prop_assert!(header.storage_modify_ids().count() <= bytes / 4);
    prop_assert!(
        header
            .get_package_name()
            .is_none_or(|name| name.len() <= bytes)
    );
    for driver in [0, 1, 7, usize::MAX] {
        for offset in [0, 1, usize::MAX] {
            let _ = header.get_command_permissions(driver, offset);
        }
    }
    let _ = (
        header.enabled(),
        header.is_sticky(),
        header.stated_permissions(),
    );
    let _ = (header.get_minimum_app_ram_size(), header.get_app_version());
    let _ = (
        header.get_fixed_address_ram(),
        header.get_fixed_address_flash(),
    );
    let _ = (header.get_kernel_version(), header.get_short_id());
    let _ = header.get_storage_write_id();
    Ok(())
}

/// Miri is some thousand times slower.
const CASES: u32 = if cfg!(miri) { 50 } else { 20_000 };

proptest! {
    #![proptest_config(ProptestConfig {
        cases: CASES,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_scan_always_advances(start in any::<[u8; 8]>(), version in 0..4u16, size in number()) {
        for start in [start, {
            let mut start = start;
            start[..2].copy_from_slice(&version.to_le_bytes());
            start[4..].copy_from_slice(&size.to_le_bytes());
            start
        }] {
            match parse_tbf_header_lengths(&start) {
                Ok((version, header, total)) => {
                    prop_assert_eq!(version, 2);
                    prop_assert!(BASE_SIZE <= usize::from(header) && u32::from(header) <= total);
                }
                Err(InitialTbfParseError::InvalidHeader(total)) => {
                    prop_assert!(total as usize >= BASE_SIZE);
                }
                Err(InitialTbfParseError::UnableToParse) => {}
            }
        }
    }

    #[test]
    fn bytes_that_are_no_header_are_refused_or_harmless(bytes in vec(any::<u8>(), 0..200)) {
        if let Ok(header) = parse_tbf_header(&bytes, 2) {
            ask(&header, bytes.len())?;
        }
    }

    #[test]
    fn what_is_accepted_is_inside_the_object(bytes in header()) {
        if let Ok(header) = parse_tbf_header(&bytes, 2) {
            ask(&header, bytes.len())?;
        }
    }

    #[test]
    fn a_header_that_is_cut_off_is_refused(bytes in header(), cut in 1..64usize) {
        let shorter = &bytes[..bytes.len().saturating_sub(cut)];
        prop_assert!(parse_tbf_header(shorter, 2).is_err());
    }
}

/// The generator is worth nothing if the parser refuses all it makes.
#[test]
fn some_of_the_headers_are_accepted() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let rounds = if cfg!(miri) { 300 } else { 5_000 };
    let accepted = (0..rounds)
        .filter(|_| {
            let bytes = header().new_tree(&mut runner).unwrap().current();
            parse_tbf_header(&bytes, 2).is_ok_and(|header| !header.is_padding())
        })
        .count();
    assert!(accepted * 100 > rounds, "{accepted} of {rounds}");
}
