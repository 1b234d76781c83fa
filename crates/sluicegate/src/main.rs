// SPDX-License-Identifier: Apache-2.0
//! The `sluicegate` binary.

use sluicegate::pipeline::{Options, Pipeline};
use sluicegate_manifest::source::Input;
use sluicegate_snapshot::ResourceType;

fn main() -> anyhow::Result<()> {
    let inputs = std::env::args()
        .skip(1)
        .map(|path| Input::Path(path.into()))
        .collect();
    let mut pipeline = Pipeline::new(inputs, Options::default());
    let Some(round) = pipeline.round()? else {
        return Ok(());
    };
    for found in &round.diagnostics {
        println!(
            "{} {:?} {} {}",
            found.place(),
            found.severity,
            found.path,
            found.message
        );
    }
    println!("{:#?}", round.translation.refused);
    for kind in ResourceType::ALL {
        for resource in round.translation.all.resources(kind).values() {
            let value =
                sluicegate_xds::json::message_to_value(kind.message_name(), &resource.body)?;
            print!("{}", sluicegate_xds::json::to_string(&value));
        }
    }
    Ok(())
}
