//! `mci doctor` where something is wrong, and where nothing is.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use mci_tests::cluster::Mode;
use mci_tests::coredns::Corefile;
use mci_tests::mci::mci;
use mci_tests::port::Port;
use mci_tests::process::Process;
use mci_tests::require::{self, Component};
use serde_json::json;
use tempfile::TempDir;

use crate::world::{CLUSTERS, NAMESPACE, World, ZONES, run};

/// The parent zone, which delegates to MCI, and a resolver of both; all on one port of different loopback addresses.
fn parent_zone(folder: &Path, glue: &str) -> PathBuf {
    let file = folder.join("example.com.zone");
    let text = format!(
        "$ORIGIN example.com.\n@ 60 IN SOA ns.example.com. h.example.com. 1 60 60 60 60\n@ 60 IN NS ns.example.com.\n\
         ns 60 IN A 127.0.0.1\ngslb 60 IN NS ns1.gslb.example.com.\n{glue}\n"
    );
    fs::write(&file, text).unwrap();
    file
}

#[test]
fn a_doctor_finds_what_is_wrong_and_nothing_where_nothing_is() {
    if !require::present(&[Component::Kubernetes, Component::Helm, Component::CoreDns]) {
        return;
    }
    let world = World::start();
    let config = world.config();
    let config = config.to_str().unwrap();
    let child = Port::reserve().number();
    let dns = format!("{}:{child}", Ipv4Addr::new(127, 0, 0, 2));
    let server = world.cluster().mci(Mode::DnsServer, NAMESPACE, "west");
    let server = server.argument(format!("--config={config}")).argument(format!("--dns={dns}")).start();
    let url = format!("http://{}", server.http());
    let direct = format!("dns://{dns}");

    let ran = world.run(&["doctor", "--config", config, "--server", &url, "--server", &direct]);
    let lines: Vec<_> = ran.stdout.lines().collect();
    assert!(lines[0].starts_with("ok    the API server answers: v1.36.3, context c1 of "), "{ran}");
    for line in [
        "ok    the API server's clock and this machine's agree within 3 s",
        "ok    7 definitions of resources are those of mci 0.1.0",
        "ok    cluster east is alive since 2026-07-01T12:00:00Z",
        "ok    namespace mci holds 3 hostnames, 1 of them without an answer now (mci status names them)",
        &format!("ok    {url} is ready"),
        &format!("ok    {direct} answers 2 hostnames as it should"),
        &format!("ok    {direct} answers with no TTL above what is published"),
        &format!("ok    {direct} answers over UDP and TCP"),
    ] {
        assert!(lines.contains(&line), "{line}: {ran}");
    }
    // Neither an operator nor an orchestrator runs.
    let failed: Vec<_> = lines.iter().filter(|line| line.starts_with("FAIL")).collect();
    assert_eq!((failed.len(), ran.code), (2, Some(1)), "{ran}");
    assert!(failed.iter().all(|line| line.starts_with("FAIL  nobody leads as mci-")), "{ran}");

    // A definition of another version, a stale cluster, and an answer that is another one.
    let crd = "hostnamecaches.multicluster.veccsolutions.io";
    let shortened = json!({"spec": {"names": {"shortNames": ["other"]}}});
    world
        .cluster()
        .api()
        .merge("customresourcedefinitions.apiextensions.k8s.io", "", crd, &shortened)
        .unwrap();
    world.cluster().api().merge_status(CLUSTERS, NAMESPACE, "east", &json!({"state": "stale"})).unwrap();
    let ill = world.run(&["doctor", "--config", config]);
    for text in [
        "FAIL  the definition hostnamecaches.multicluster.veccsolutions.io is not that of mci 0.1.0 (spec.names.shortNames[0])",
        "FAIL  cluster east is stale since 2026-07-01T12:00:00Z: no heartbeat is heard from it",
    ] {
        assert!(ill.stdout.contains(text), "{text}: {ill}");
    }
}

#[test]
fn a_doctor_follows_the_delegation_of_a_zone() {
    if !require::present(&[Component::CoreDns]) {
        return;
    }
    let folder = TempDir::with_prefix("mci-test-").unwrap();
    let state = folder.path().join("state.yaml");
    let hostname =
        "hostnames: [{hostname: app.gslb.example.com, endpoints: [{cluster: west, addresses: [192.0.2.1]}]}]";
    fs::write(&state, format!("{ZONES}{hostname}\n")).unwrap();

    let examine = |glue: &str| {
        let file = parent_zone(folder.path(), glue);
        let none = Port::reserve();
        let parent = Corefile::new([none.v4()])
            .zone("unused.invalid")
            .plugin(&format!("file {} example.com", file.display()))
            .start();
        let port = parent.dns().port();
        let (grpc, http) = (Port::reserve(), Port::reserve());
        let mut command = mci();
        command.args(["standalone", state.to_str().unwrap()]);
        command.args([
            format!("--dns=127.0.0.2:{port}"),
            format!("--grpc={}", grpc.v4()),
            format!("--http={}", http.v4()),
        ]);
        let mut server = Process::start("mci", &command);
        server.wait_until("it is ready", |_| {
            mci_tests::http::get(http.v4(), "/readyz").is_some_and(|response| response.status == 200)
        });
        let resolver = Corefile::new([grpc.v4()])
            .zone("gslb.example.com")
            .plugin(&format!("forward . 127.0.0.1:{port} {{\n        except gslb.example.com\n    }}"))
            .start();
        let mut doctor = mci();
        doctor.args([
            "doctor",
            "gslb.example.com",
            "--no-cluster",
            "--server",
            &format!("http://{}", http.v4()),
        ]);
        doctor.args(["--resolver", &resolver.dns().to_string(), "--name-server-port", &port.to_string()]);
        run(&mut doctor)
    };

    let well = examine("ns1.gslb 60 IN A 127.0.0.2");
    for text in [
        "finds gslb.example.com at ns1.gslb.example.com\n",
        "ok    example.com delegates gslb.example.com to ns1.gslb.example.com\n",
        "ok    example.com gives the address of ns1.gslb.example.com: 127.0.0.2\n",
        "ok    ns1.gslb.example.com at 127.0.0.2 answers for gslb.example.com over UDP and TCP\n",
        "ok    the NS records of gslb.example.com are the same at the parent and in it\n",
        "gives app.gslb.example.com a TTL of 5 s of 5 s\n",
    ] {
        assert!(well.stdout.contains(text), "{text}: {well}");
    }
    assert_eq!(well.code, Some(0), "{well}");

    let gluefree = examine("");
    assert_eq!(gluefree.code, Some(1), "{gluefree}");
    assert!(
        gluefree.stdout.contains(
            "FAIL  example.com gives no address of ns1.gslb.example.com, which is in gslb.example.com itself"
        ),
        "{gluefree}"
    );
    let astray = examine("ns1.gslb 60 IN A 127.0.0.1");
    assert!(
        astray.stdout.contains(
            "FAIL  ns1.gslb.example.com at 127.0.0.1 is no authority for gslb.example.com over UDP"
        ),
        "{astray}"
    );
    assert_eq!(astray.code, Some(1), "{astray}");
}
