//! Two clusters for a person to play with: what `cargo xtask demo` runs.

use std::process::ExitCode;

fn main() -> ExitCode {
    let ended = mci_tests::signals::end().map_err(Into::into).and_then(|end| mci_tests::demo::run(&end));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
