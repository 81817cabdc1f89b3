//! `mci undrain`.

use std::process::ExitCode;

use mci_kube::resources::Cluster;
use serde_json::json;

use super::drain::{hostnames, identifier, known, meant, set};
use super::{Out, say_origin, write_data};
use crate::cli::Undrain;
use crate::facts::{Origin, runtime};

/// Lifts what `mci drain` set.
pub(crate) fn undrain(arguments: &Undrain, out: Out<'_>) -> anyhow::Result<ExitCode> {
    let cluster = identifier(&arguments.cluster)?;
    let hostnames = hostnames(&arguments.hostname)?;
    let runtime = runtime()?;
    let asked = runtime.block_on(arguments.kube.ask())?;
    known(&cluster, &runtime.block_on(asked.clusters())?)?;
    let (object, lifted) = runtime.block_on(set(&asked, &cluster, &hostnames, None))?;

    let format = arguments.output.format;
    say_origin(out, format.is_data(), "", &Origin::new(&asked))?;
    let left = left_over(&object, hostnames.is_empty());
    if format.is_data() {
        let data = json!({ "cluster": cluster.as_str(), "lifted": lifted, "stillHeldBack": left });
        write_data(out, format, &data)?;
        return Ok(ExitCode::SUCCESS);
    }
    let what = meant(&cluster, &hostnames);
    if lifted {
        writeln!(out, "{what} is held back no longer.")?;
    } else {
        writeln!(out, "{what} was not held back here: nothing was written.")?;
    }
    for line in left {
        writeln!(out, "{line}")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What still holds back, and how to lift it.
fn left_over(object: &Cluster, whole: bool) -> Vec<String> {
    let name = object.metadata.name.as_deref().unwrap_or_default();
    let mut lines = Vec::new();
    if whole {
        for item in object.spec.hostname_overrides.iter().filter_map(|item| item.read().ok()) {
            let (hostname, state) = (&item.hostname, item.state);
            lines.push(format!("{hostname} is still {state}: mci undrain {name} --hostname {hostname}"));
        }
    } else if let Some(Ok(held_back)) = object.spec.held_back.as_ref().map(|item| item.read()) {
        lines.push(format!("{name} as a whole is still {}: mci undrain {name}", held_back.state));
    }
    let Some(status) = &object.status else { return lines };
    if let Some(Ok(own)) = status.own_override.as_ref().map(|item| item.read()) {
        lines
            .push(format!("{name} says of itself that it is {}: lift it in {name}'s own context", own.state));
    }
    for own in status.own_hostname_overrides.iter().filter_map(|item| item.read().ok()) {
        let (hostname, state) = (&own.hostname, own.state);
        lines.push(format!(
            "{name} says of itself that {hostname} is {state}: lift it in {name}'s own context"
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r24_what_still_holds_is_said_with_how_to_lift_it() {
        let object: Cluster = serde_json::from_value(json!({
            "metadata": {"name": "west"},
            "spec": {
                "override": {"state": "down"},
                "hostnameOverrides": [{"hostname": "app.example", "state": "drained"}],
            },
            "status": {"ownOverride": {"state": "drained"}},
        }))
        .unwrap();
        assert_eq!(
            left_over(&object, true),
            [
                "app.example is still drained: mci undrain west --hostname app.example",
                "west says of itself that it is drained: lift it in west's own context",
            ]
        );
        assert_eq!(left_over(&object, false)[0], "west as a whole is still down: mci undrain west");
    }
}
