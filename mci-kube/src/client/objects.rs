//! Getting and writing one object. Each write says of which version it is, or that there is none.

use bytes::Bytes;
use http::{Method, Request};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{CallError, ClusterClient, decode};
use crate::watch::{ObjectKey, Version};

/// What a request is about: a kind and an object of it.
pub trait Kind:
    kube::Resource<DynamicType = ()> + Serialize + DeserializeOwned + Send + Sync + 'static
{
}

impl<K> Kind for K where
    K: kube::Resource<DynamicType = ()> + Serialize + DeserializeOwned + Send + Sync + 'static
{
}

/// The path of one object.
fn path<K: Kind>(key: &ObjectKey) -> String {
    format!("{}/{}", collection::<K>(&key.namespace), key.name)
}

fn collection<K: Kind>(namespace: &str) -> String {
    K::url_path(&(), Some(namespace).filter(|namespace| !namespace.is_empty()))
}

impl ClusterClient {
    /// One object as it is now; nothing if there is none.
    pub async fn get<K: Kind>(&self, key: &ObjectKey) -> Result<Option<K>, CallError> {
        match self.ask(Method::GET, path::<K>(key), "application/json", Vec::new()).await {
            Ok(body) => decode(&body).map(Some),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes an object that is not there; 409 if it is.
    pub async fn create<K: Kind>(&self, object: &K) -> Result<K, CallError> {
        let namespace = object.meta().namespace.as_deref().unwrap_or_default();
        self.write(Method::POST, collection::<K>(namespace), object).await
    }

    /// Replaces the version that the object's metadata names; 409 or 404 if that is not how it is.
    pub async fn replace<K: Kind>(&self, object: &K) -> Result<K, CallError> {
        self.write(Method::PUT, path::<K>(&key_of(object)), object).await
    }

    /// Replaces the status alone, at the version that the object's metadata names.
    pub async fn replace_status<K: Kind>(&self, object: &K) -> Result<K, CallError> {
        self.write(Method::PUT, format!("{}/status", path::<K>(&key_of(object))), object).await
    }

    /// Takes away that version of that object; 409 or 404 if that is not how it is.
    pub async fn delete<K: Kind>(
        &self,
        key: &ObjectKey,
        uid: &str,
        version: Version,
    ) -> Result<(), CallError> {
        let mut preconditions = serde_json::json!({ "resourceVersion": version.to_string() });
        if let Some(object) = preconditions.as_object_mut().filter(|_| !uid.is_empty()) {
            object.insert("uid".to_owned(), uid.into());
        }
        let options = serde_json::json!({
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": preconditions,
        });
        let body = serde_json::to_vec(&options).expect("JSON made here is JSON");
        self.ask(Method::DELETE, path::<K>(key), "application/json", body).await.map(drop)
    }

    /// Server-side apply of a status: of all fields that `manager` ever set, those that `object` leaves out go away.
    pub async fn apply_status<K: Kind>(&self, object: &K, manager: &str) -> Result<K, CallError> {
        let path = format!("{}/status?fieldManager={manager}&force=true", path::<K>(&key_of(object)));
        let body = serialise(object)?;
        decode(&self.ask(Method::PATCH, path, "application/apply-patch+yaml", body).await?)
    }

    /// Changes some fields, whatever the version (RFC 7396).
    pub async fn merge<K: Kind>(&self, key: &ObjectKey, patch: &serde_json::Value) -> Result<K, CallError> {
        let body = serde_json::to_vec(patch).expect("JSON is JSON");
        decode(&self.ask(Method::PATCH, path::<K>(key), "application/merge-patch+json", body).await?)
    }

    async fn write<K: Kind>(&self, method: Method, path: String, object: &K) -> Result<K, CallError> {
        decode(&self.ask(method, path, "application/json", serialise(object)?).await?)
    }

    async fn ask(
        &self,
        method: Method,
        path: String,
        content: &'static str,
        body: Vec<u8>,
    ) -> Result<Bytes, CallError> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(http::header::ACCEPT, "application/json")
            .header(http::header::CONTENT_TYPE, content)
            .body(body)
            .map_err(|error| CallError::Nonsense(format!("no request can be made of this: {error}")))?;
        self.call(request).await
    }
}

/// The namespace and name of an object of ours.
fn key_of<K: Kind>(object: &K) -> ObjectKey {
    let meta = object.meta();
    ObjectKey::new(meta.namespace.as_deref().unwrap_or_default(), meta.name.as_deref().unwrap_or_default())
}

/// The version of an object that the API server sent.
pub(crate) fn version_of<K: Kind>(object: &K) -> Result<Version, CallError> {
    let text = object.meta().resource_version.as_deref().unwrap_or_default();
    text.parse()
        .map(Version)
        .map_err(|_| CallError::Nonsense(format!("resourceVersion {text:?} is no number")))
}

fn serialise<K: Serialize>(object: &K) -> Result<Vec<u8>, CallError> {
    serde_json::to_vec(object).map_err(|error| CallError::Nonsense(format!("it is no JSON: {error}")))
}
