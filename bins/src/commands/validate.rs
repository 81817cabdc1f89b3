use super::Out; use std::process::ExitCode;
pub(crate) fn validate(_a: &crate::cli::Validate, _o: Out<'_>) -> anyhow::Result<ExitCode> { Ok(ExitCode::SUCCESS) }
