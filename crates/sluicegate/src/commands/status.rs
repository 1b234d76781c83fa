//! stub
use crate::failure::{Failure, Outcome};
use clap::Args;
/// Arguments.
#[derive(Debug, Clone, Args)]
pub struct Arguments {}
/// Stub.
pub fn run(_: &Arguments) -> Result<Outcome, Failure> {
    Ok(Outcome::Done)
}
