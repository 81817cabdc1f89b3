//! Health and reflection, asked by their own clients.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

mod common;

use std::time::Duration;

use common::{Running, code, config, snapshot};
use mci_core::{Settings, Snapshot};
use tokio::time::timeout;
use tonic::Code;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{ServerReflectionRequest, ServerReflectionResponse};

const DNS: &str = "coredns.dns.DnsService";

fn of(service: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: service.to_owned() }
}

async fn check(channel: &Channel, service: &str) -> ServingStatus {
    HealthClient::new(channel.clone()).check(of(service)).await.unwrap().get_ref().status()
}

#[tokio::test]
async fn it_serves_exactly_when_the_first_sync_is_done() {
    let server = Running::with(config(), Snapshot::unready());
    let channel = server.channel().await;
    for service in ["", DNS] {
        assert_eq!(check(&channel, service).await, ServingStatus::NotServing);
    }
    server.live.edit(|edit| edit.replace(&snapshot(Settings::default())));
    for service in ["", DNS] {
        assert_eq!(check(&channel, service).await, ServingStatus::Serving);
    }
    let unknown = HealthClient::new(channel).check(of("other.Service")).await;
    assert_eq!(code(unknown), Code::NotFound);
}

#[tokio::test]
async fn a_watch_hears_of_readiness_and_of_the_shutdown_and_does_not_hold_it_up() {
    let mut server = Running::with(config(), Snapshot::unready());
    let channel = server.channel().await;
    let mut watch = HealthClient::new(channel.clone()).watch(of(DNS)).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    server.live.edit(|edit| edit.replace(&snapshot(Settings::default())));
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    server.stop();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    assert!(watch.message().await.unwrap().is_none(), "the watch ends");
    timeout(Duration::from_secs(5), server.served).await.expect("well before the deadline").unwrap().unwrap();

    let mut unknown = Running::start(config());
    let mut watch =
        HealthClient::new(unknown.channel().await).watch(of("other.Service")).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::ServiceUnknown);
    unknown.stop();
}

async fn reflect(channel: Channel, request: MessageRequest) -> MessageResponse {
    let request = ServerReflectionRequest { host: String::new(), message_request: Some(request) };
    let mut responses = ServerReflectionClient::new(channel)
        .server_reflection_info(tokio_stream::once(request))
        .await
        .unwrap()
        .into_inner();
    let ServerReflectionResponse { message_response, .. } = responses.message().await.unwrap().unwrap();
    message_response.unwrap()
}

#[tokio::test]
async fn reflection_lists_the_services_and_shows_the_query() {
    let server = Running::start(config());
    let listed = reflect(server.channel().await, MessageRequest::ListServices(String::new())).await;
    let MessageResponse::ListServicesResponse(list) = listed else { panic!("{listed:?}") };
    let names: Vec<_> = list.service.iter().map(|service| service.name.as_str()).collect();
    assert!(names.contains(&DNS), "{names:?}");
    assert!(names.contains(&"grpc.health.v1.Health"), "{names:?}");

    let symbol = MessageRequest::FileContainingSymbol(format!("{DNS}.Query"));
    let found = reflect(server.channel().await, symbol).await;
    let MessageResponse::FileDescriptorResponse(files) = found else { panic!("{found:?}") };
    let text = String::from_utf8_lossy(&files.file_descriptor_proto[0]).into_owned();
    assert!(text.contains("coredns/dns.proto") && text.contains("DnsPacket"));
}
