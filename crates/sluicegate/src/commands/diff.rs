//! stub
use clap::Args;
use crate::failure::{Failure, Outcome};
/// Arguments.
#[derive(Debug, Clone, Args)]
pub struct Arguments {}
/// Stub.
pub fn run(_: &Arguments) -> Result<Outcome, Failure> { Ok(Outcome::Done) }
