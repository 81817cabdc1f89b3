//! What people say of a cluster, written into its `Cluster` (R24, R26): changed where it stands, and by nobody else meanwhile.
//!
//! It refuses to know why.

use mci_core::Hostname;

use crate::client::{CallError, ClusterClient};
use crate::resources::{Cluster, HostnameOverride, Item, OverrideFields};
use crate::watch::ObjectKey;

/// How often a change is tried while others write the same object.
const ATTEMPTS: u32 = 10;

/// Why a `Cluster` was not changed.
#[derive(Debug, thiserror::Error)]
pub enum AmendError {
    /// There is no such object.
    #[error("there is no Cluster {0}")]
    NotThere(ObjectKey),
    /// Others wrote it each time.
    #[error("Cluster {0} was written by others each time: try again")]
    Contended(ObjectKey),
    /// The API server said no.
    #[error("Cluster {0}: {1}")]
    Call(ObjectKey, CallError),
}

/// Reads a `Cluster`, changes it and writes it, unless `change` changed nothing; again where another write came between.
///
/// Gives the object as it is then, and what `change` said of it.
pub async fn amend<T>(
    client: &ClusterClient,
    key: &ObjectKey,
    mut change: impl FnMut(&mut Cluster) -> T,
) -> Result<(Cluster, T), AmendError> {
    let failed = |error| AmendError::Call(key.clone(), error);
    for _ in 0..ATTEMPTS {
        let found: Option<Cluster> = client.get(key).await.map_err(failed)?;
        let before = found.ok_or_else(|| AmendError::NotThere(key.clone()))?;
        let mut after = before.clone();
        let said = change(&mut after);
        if after == before {
            return Ok((after, said));
        }
        match client.replace(&after).await {
            Ok(written) => return Ok((written, said)),
            Err(error) if error.is_conflict() => {}
            Err(error) if error.is_not_found() => return Err(AmendError::NotThere(key.clone())),
            Err(error) => return Err(failed(error)),
        }
    }
    Err(AmendError::Contended(key.clone()))
}

/// Sets the override of the whole cluster, or lifts it; gives what was there.
pub fn override_cluster(
    object: &mut Cluster,
    held_back: Option<OverrideFields>,
) -> Option<Item<OverrideFields>> {
    std::mem::replace(&mut object.spec.held_back, held_back.map(Item::Read))
}

/// Sets the override of one hostname, or lifts it; gives what was there. Those of other hostnames stay, readable or not.
pub fn override_hostname(
    object: &mut Cluster,
    hostname: &Hostname,
    held_back: Option<OverrideFields>,
) -> Option<HostnameOverride> {
    let mut before = None;
    let list = &mut object.spec.hostname_overrides;
    let is_meant =
        |item: &HostnameOverride| item.hostname.parse().is_ok_and(|name: Hostname| name == *hostname);
    let at = list.iter().position(|item| item.read().is_ok_and(is_meant));
    list.retain(|item| match item.read() {
        Ok(item) if is_meant(item) => {
            before = Some(item.clone());
            false
        }
        Ok(_) | Err(_) => true,
    });
    if let Some(OverrideFields { state, reason, by, until }) = held_back {
        let item = HostnameOverride { hostname: hostname.to_string(), state, reason, by, until };
        list.insert(at.unwrap_or(list.len()).min(list.len()), Item::Read(item));
    }
    before
}

#[cfg(test)]
mod tests {
    use mci_core::OverrideState;
    use serde_json::json;

    use super::*;

    fn fields(state: OverrideState) -> OverrideFields {
        OverrideFields { state, reason: Some("work".to_owned()), by: None, until: None }
    }

    fn cluster() -> Cluster {
        serde_json::from_value(json!({
            "metadata": {"name": "west"},
            "spec": {"hostnameOverrides": [
                {"hostname": "B.example", "state": "drained"},
                {"nonsense": true},
                {"hostname": "c.example", "state": "down"},
            ]},
        }))
        .unwrap()
    }

    #[test]
    fn r24_one_hostname_is_replaced_where_it_stands_and_all_else_stays() {
        let mut object = cluster();
        let name: Hostname = "b.example".parse().unwrap();
        let before = override_hostname(&mut object, &name, Some(fields(OverrideState::Down)));
        assert_eq!(before.map(|one| one.state), Some(OverrideState::Drained));
        assert_eq!(
            serde_json::to_value(&object.spec).unwrap(),
            json!({"hostnameOverrides": [
                {"hostname": "b.example", "state": "down", "reason": "work"},
                {"nonsense": true},
                {"hostname": "c.example", "state": "down"},
            ]})
        );
        override_hostname(&mut object, &name, None);
        assert_eq!(object.spec.hostname_overrides.len(), 2);
        assert_eq!(override_hostname(&mut object, &name, None), None);
    }

    #[test]
    fn r24_the_whole_cluster_is_set_and_lifted() {
        let mut object = cluster();
        assert_eq!(override_cluster(&mut object, Some(fields(OverrideState::Drained))), None);
        let lifted = override_cluster(&mut object, None);
        assert_eq!(lifted, Some(Item::Read(fields(OverrideState::Drained))));
        assert_eq!(object, cluster());
    }
}
