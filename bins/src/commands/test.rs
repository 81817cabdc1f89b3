use super::Out; use std::process::ExitCode;
pub(crate) fn test(_a: &crate::cli::Test, _o: Out<'_>) -> anyhow::Result<ExitCode> { Ok(ExitCode::SUCCESS) }
