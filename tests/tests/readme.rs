//! The commands of README.md, CONTRIBUTING.md and docs/ do what the text around them says.
//!
//! A fenced block is run where its first line says so:
//!
//! - ```` ```sh run ````: every command has to succeed. A line `# => TEXT` behind one: TEXT is in what it prints.
//! - ```` ```sh serve ````: the command is started, and goes on until the next heading. It has the whole loopback
//!   interface to itself, so that the ports are those of the text.
//!
//! Commands run in a folder with copies of `examples/` and `docs/`, with `mci` in the path. What `cargo run --release
//! --` would run is run without building it anew.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use std::env;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use mci_tests::mci::{mci, repository};
use mci_tests::netns;
use mci_tests::process::Process;
use mci_tests::require::{self, Component};
use mci_tests::wait;
use tempfile::TempDir;

/// The blocks under one heading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Section {
    /// `README.md:81` of its first block.
    place: String,
    servers: Vec<String>,
    commands: Vec<Step>,
}

/// A command, and what it has to print.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Step {
    command: String,
    prints: Vec<String>,
}

/// The sections of a page that have something to run.
fn sections(page: &str, text: &str) -> Vec<Section> {
    let mut sections = vec![Section::default()];
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        if line.starts_with('#') {
            sections.push(Section::default());
        }
        let Some(kind) = line.trim_start().strip_prefix("```") else { continue };
        // To the end of the block, whatever it is: what looks like a heading in it is none.
        let block: Vec<&str> = lines
            .by_ref()
            .map(|(_, line)| line.trim_start())
            .take_while(|line| !line.starts_with("```"))
            .collect();
        let section = sections.last_mut().unwrap();
        match kind.trim() {
            "sh run" => section.commands.extend(steps(&block)),
            "sh serve" => section.servers.extend(steps(&block).into_iter().map(|step| step.command)),
            _ => continue,
        }
        if section.place.is_empty() {
            section.place = format!("{page}:{}", number + 1);
        }
    }
    sections.retain(|section| !section.place.is_empty());
    sections
}

fn steps(block: &[&str]) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut goes_on = false;
    for line in block.iter().filter(|line| !line.is_empty()) {
        if let Some(text) = line.strip_prefix("# => ") {
            steps.last_mut().expect("a command comes before what it prints").prints.push(text.to_owned());
        } else if goes_on {
            let command = &mut steps.last_mut().unwrap().command;
            command.push('\n');
            command.push_str(line);
        } else if !line.starts_with('#') {
            steps.push(Step { command: (*line).to_owned(), prints: Vec::new() });
        }
        goes_on = line.ends_with('\\');
    }
    steps
}

/// Every page with what is to be run of it.
fn pages() -> Vec<Section> {
    let repository = repository();
    let mut paths: Vec<PathBuf> = ["README.md", "CONTRIBUTING.md"].map(|name| repository.join(name)).into();
    let mut folders = vec![repository.join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                paths.push(path);
            }
        }
    }
    paths.sort();
    paths
        .iter()
        .flat_map(|path| {
            let name = path.strip_prefix(&repository).unwrap().display().to_string();
            sections(&name, &fs::read_to_string(path).unwrap_or_else(|error| panic!("{name}: {error}")))
        })
        .collect()
}

/// A folder to run commands in, with the programs that they name.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let folder = TempDir::with_prefix("mci-test-").unwrap();
        let programs = folder.path().join("bin");
        fs::create_dir(&programs).unwrap();
        let program = PathBuf::from(mci().get_program());
        symlink(&program, programs.join("mci")).unwrap();
        let dns_server = program.with_file_name("mci-dns-server");
        if dns_server.exists() {
            symlink(dns_server, programs.join("mci-dns-server")).unwrap();
        }
        symlink(require::program("coredns", require::COREDNS_VERSION), programs.join("coredns")).unwrap();
        let cargo = programs.join("cargo");
        let script = "#!/bin/sh\n\
            if [ \"$1 $2 $3\" = 'run --release --' ]; then shift 3; exec mci \"$@\"; fi\n\
            echo \"cargo $*: not run by this test\" >&2; exit 2\n";
        fs::write(&cargo, script).unwrap();
        fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).unwrap();
        for name in ["examples", "docs"] {
            copy(&repository().join(name), &folder.path().join(name));
        }
        Place(folder)
    }

    fn shell(&self, command: &str) -> Command {
        let mut shell = Command::new("sh");
        shell.args(["-c", command]).current_dir(self.0.path());
        let path = env::var("PATH").unwrap_or_default();
        shell.env("PATH", format!("{}:{path}", self.0.path().join("bin").display()));
        shell
    }

    /// What is wrong with a step, if anything is.
    fn run(&self, step: &Step) -> Result<(), String> {
        let output = self.shell(&step.command).output().unwrap();
        let printed =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if !output.status.success() {
            return Err(format!("`{}` ended with {}:\n{printed}", step.command, output.status));
        }
        match step.prints.iter().find(|text| !printed.contains(text.as_str())) {
            Some(text) => Err(format!("`{}` does not print {text:?}:\n{printed}", step.command)),
            None => Ok(()),
        }
    }
}

fn copy(from: &Path, to: &Path) {
    if !from.is_dir() {
        fs::copy(from, to).unwrap();
        return;
    }
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        copy(&entry.path(), &to.join(entry.file_name()));
    }
}

#[test]
fn commands_that_need_no_server_do_what_the_text_says() {
    let pages = pages();
    assert!(
        pages.iter().any(|section| section.place.starts_with("README.md")),
        "README.md has no block to run"
    );
    let mut page = String::new();
    let mut place = Place::new();
    for section in pages.iter().filter(|section| section.servers.is_empty()) {
        // The blocks of one page follow one another; the next page begins anew.
        let name = section.place.split(':').next().unwrap();
        if page != name {
            name.clone_into(&mut page);
            place = Place::new();
        }
        for step in &section.commands {
            if let Err(error) = place.run(step) {
                panic!("{}: {error}", section.place);
            }
        }
    }
}

#[test]
fn commands_that_need_a_server_do_what_the_text_says() {
    let sections: Vec<Section> = pages().into_iter().filter(|section| !section.servers.is_empty()).collect();
    let mut needed = vec![Component::NetworkNamespace, Component::Dig];
    if sections.iter().flat_map(|section| &section.servers).any(|command| command.starts_with("coredns")) {
        needed.push(Component::CoreDns);
    }
    if !require::present(&needed) {
        return;
    }
    netns::inside(&[], || {
        for section in &sections {
            let place = Place::new();
            let servers: Vec<Process> = section
                .servers
                .iter()
                .map(|command| Process::start(command, &place.shell(&format!("exec {command}"))))
                .collect();
            for (index, step) in section.commands.iter().enumerate() {
                if index == 0 {
                    // As a person would: again, until the server is there.
                    let mut last = String::new();
                    let found =
                        wait::within(wait::PATIENCE, || place.run(step).map_err(|error| last = error).ok());
                    assert!(found.is_some(), "{}: {last}", section.place);
                } else if let Err(error) = place.run(step) {
                    panic!("{}: {error}", section.place);
                }
            }
            for mut server in servers {
                assert_eq!(server.ended(), None, "{}: a server has ended", section.place);
            }
        }
    });
}

#[test]
fn a_page_is_read_as_it_is_meant() {
    let text = "# Title\n```sh run\nmci a \\\n  b\n# => one\n# => two\n# a comment\nmci c\n```\n## Next\n```sh\nmci no\n```\n\
        ```sh serve\nmci serve\n```\n  ```sh run\n  dig\n  ```\n```yaml\n# no heading\n```\n```sh run\nhost\n```\n";
    let step = |command: &str, prints: &[&str]| Step {
        command: command.to_owned(),
        prints: prints.iter().map(ToString::to_string).collect(),
    };
    assert_eq!(
        sections("A.md", text),
        [
            Section {
                place: "A.md:2".to_owned(),
                servers: vec![],
                commands: vec![step("mci a \\\nb", &["one", "two"]), step("mci c", &[])],
            },
            Section {
                place: "A.md:14".to_owned(),
                servers: vec!["mci serve".to_owned()],
                commands: vec![step("dig", &[]), step("host", &[])],
            },
        ]
    );
}

#[test]
fn a_command_that_fails_or_prints_something_else_is_found() {
    let place = Place::new();
    let step =
        |command: &str, prints: &str| Step { command: command.to_owned(), prints: vec![prints.to_owned()] };
    assert_eq!(place.run(&step("echo one; echo two >&2", "two")), Ok(()));
    assert!(place.run(&step("echo one", "two")).unwrap_err().contains("does not print \"two\""));
    assert!(place.run(&step("echo two; false", "two")).unwrap_err().contains("ended with"));
    assert!(place.run(&step("cargo run --release", "")).unwrap_err().contains("not run by this test"));
}
