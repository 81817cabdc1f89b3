//! Any octets as a state file, or two of them: never a panic; what is refused says where, and what is taken can be
//! answered from, written, and read again as the same.
//!
//! A line of `---` that begins with a NUL parts the input into two files.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mci_core::state_file::StateFile;

fuzz_target!(|input: &[u8]| {
    let cut = input.windows(5).position(|octets| octets == b"\0---\n");
    let files = match cut {
        Some(at) => vec![("a.yaml", &input[..at]), ("b.yaml", &input[at + 5..])],
        None => vec![("a.yaml", input)],
    };
    match StateFile::parse_all(files) {
        Err(problems) => assert!(!problems.to_string().is_empty(), "a refusal says why"),
        Ok(state) => {
            let snapshot = state.into_snapshot();
            for text in [StateFile::write_yaml(&snapshot), StateFile::write_json(&snapshot)] {
                let again = StateFile::parse(&text).expect("what we write we read").into_snapshot();
                assert_eq!(again.digest(), snapshot.digest(), "{text}");
            }
        }
    }
});
