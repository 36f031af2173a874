//! The rules of STYLE.md that a program can check, over the sources of the workspace.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Code lines, without blank ones and comments, above which a file must be split.
const FILE_LINES_MAX: usize = 300;

/// Lines of an example.
const EXAMPLE_LINES_MAX: usize = 120;

/// Files that are longer, and why they may be.
const LONG_FILES: &[(&str, &str)] = &[
    ("transport/src/transport/tests.rs", "one table of cases over two pipes"),
    ("tests/tests/sim/session/node.rs", "a second driver of the session protocol, in one piece"),
    ("tests/tests/sim/session/net.rs", "the streams between the nodes of that simulation"),
];

/// Which crates each crate may depend on.
const LAYERS: &[(&str, &[&str])] = &[
    ("runtime/macros", &[]),
    ("runtime", &["starlings-macros"]),
    ("transport", &["starlings-runtime"]),
    ("registry", &["starlings-runtime"]),
    ("cache", &["starlings-registry", "starlings-runtime"]),
    (".", &["starlings-cache", "starlings-registry", "starlings-runtime", "starlings-transport"]),
    ("shell", &["starlings"]),
];

/// What may not stand in a `proto` folder, and what to do instead.
const IMPURE: &[(&str, &str)] = &[
    ("async ", "drivers wait; a state machine is called"),
    (".await", "drivers wait; a state machine is called"),
    ("tokio::", "time is an argument, tasks are the driver's"),
    ("ractor", "only runtime/src/interop knows it"),
    ("dashmap", "tables for readers are the driver's"),
    ("std::net", "messages come in as inputs"),
    ("std::thread", "a state machine has one caller"),
    ("Instant::now", "time is an argument"),
    ("SystemTime", "time is an argument"),
    ("rand::", "randomness is an argument"),
    ("HashMap", "its order differs from run to run: BTreeMap"),
    ("HashSet", "its order differs from run to run: BTreeSet"),
];

/// Words that the glossary has another one for.
const GLOSSARY: &[(&str, &str)] = &[
    ("inbox", "mailbox"),
    ("neighbor", "neighbour"),
    ("keepalive", "heartbeat"),
    ("keep-alive", "heartbeat"),
    ("actor_ref", "pid"),
    ("actor_id", "pid"),
    ("master", "owner"),
    ("slave", "replica"),
    ("utils", "the idea that the file holds"),
    ("colour", "nothing has one"),
];

#[test]
fn every_file_holds_one_idea() {
    let mut complaints = Vec::new();
    for (path, text) in
        sources(&["src", "runtime", "transport", "registry", "cache", "shell", "tests"])
    {
        let lines = text.lines().map(str::trim);
        let code = lines.filter(|line| !line.is_empty() && !line.starts_with("//")).count();
        let excused = LONG_FILES.iter().any(|(file, _)| *file == path);
        if code > FILE_LINES_MAX && !excused {
            complaints.push(format!("{path}: {code} code lines; split it by idea"));
        }
        if code <= FILE_LINES_MAX && excused {
            complaints.push(format!("{path}: {code} code lines; it needs no excuse any more"));
        }
        if path.ends_with("/mod.rs") {
            complaints.push(format!("{path}: foo.rs beside foo/, not foo/mod.rs"));
        }
    }
    for (path, text) in sources(&["examples"]) {
        let lines = text.lines().count();
        if lines > EXAMPLE_LINES_MAX {
            complaints.push(format!("{path}: {lines} lines; an example shows one idea"));
        }
    }
    report(&complaints);
}

#[test]
fn crates_depend_only_downwards() {
    let mut complaints = Vec::new();
    for (folder, allowed) in LAYERS {
        let manifest = fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap();
        let dependencies = manifest.split("[dependencies]").nth(1).unwrap_or_default();
        let dependencies = dependencies.split("\n[").next().unwrap_or_default();
        for line in dependencies.lines() {
            let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
            if name.starts_with("starlings") && !allowed.contains(&name) {
                complaints
                    .push(format!("{folder} depends on {name}: a new edge is a design change"));
            }
        }
    }
    report(&complaints);
}

#[test]
fn proto_is_pure() {
    let mut complaints = Vec::new();
    for (path, text) in sources(&["runtime", "transport", "registry", "cache"]) {
        let is_proto = path.contains("/proto/") || path.ends_with("/proto.rs");
        if !is_proto || path.ends_with("tests.rs") {
            continue;
        }
        complaints.extend(find(&path, &text, IMPURE));
    }
    report(&complaints);
}

#[test]
fn nothing_is_static() {
    let mut complaints = Vec::new();
    for (path, text) in sources(&["src", "runtime", "transport", "registry", "cache", "shell"]) {
        for (number, line) in code_lines(&text) {
            let line = line.trim_start();
            let is_static = ["static ", "pub static ", "pub(crate) static ", "thread_local!"]
                .iter()
                .any(|start| line.starts_with(start));
            // What a thread decodes for, handles and acts for right now, the buffer that it encodes into,
            // and the constants of the macros.
            let excused = [
                "runtime/src/remote/decoding.rs",
                "runtime/src/message/trace.rs",
                "runtime/src/remote/sender.rs",
                "transport/src/scratch.rs",
                "runtime/macros/src/expand/remote.rs",
                "runtime/macros/src/function.rs",
            ];
            if is_static && !excused.contains(&&*path) {
                complaints
                    .push(format!("{path}:{number}: a node is a value: no process-wide state"));
            }
        }
    }
    report(&complaints);
}

#[test]
fn ractor_has_one_door() {
    let mut complaints = Vec::new();
    for (path, text) in sources(&["src", "runtime", "transport", "registry", "cache", "shell"]) {
        // How actors of ractor get pids, with the tests of that.
        let is_door = path == "runtime/src/interop.rs"
            || path.starts_with("runtime/src/interop/")
            || path.starts_with("runtime/tests/actors/interop");
        if !is_door {
            complaints.extend(find(&path, &text, &[("ractor::", "only runtime/src/interop")]));
        }
    }
    report(&complaints);
}

#[test]
fn libraries_do_not_print() {
    let mut complaints = Vec::new();
    for (path, text) in sources(&["src", "runtime", "transport", "registry", "cache"]) {
        if path.contains("tests") {
            continue;
        }
        let prints = [("println!", "tracing"), ("print!(", "tracing"), ("dbg!", "tracing")];
        complaints.extend(find(&path, &text, &prints));
    }
    report(&complaints);
}

#[test]
fn one_word_for_one_idea() {
    let mut complaints = Vec::new();
    let folders = ["src", "runtime", "transport", "registry", "cache", "shell", "examples", "docs"];
    for (path, text) in sources(&folders) {
        // The system's own word for what it does about idle connections.
        let text = text.to_lowercase().replace("tcpkeepalive", "").replace("tcp_keepalive", "");
        complaints.extend(find(&path, &text, GLOSSARY));
    }
    report(&complaints);
}

#[test]
fn tests_are_neither_ignored_nor_asleep() {
    let mut complaints = Vec::new();
    for (path, text) in
        sources(&["src", "runtime", "transport", "registry", "cache", "shell", "tests"])
    {
        if path == "tests/tests/tidy.rs" {
            continue;
        }
        let banned = [
            ("#[ignore", "a test that is not run is no test"),
            ("#[should_panic", "only for documented panics"),
            ("thread::sleep", "wait for a condition with a deadline"),
        ];
        complaints.extend(find(&path, &text, &banned));
    }
    report(&complaints);
}

#[test]
fn papers_are_short_and_say_nothing_of_this_machine() {
    let mut complaints = Vec::new();
    let papers = [("README.md", 150), ("ARCHITECTURE.md", 300), ("STYLE.md", 300)];
    for (paper, lines_max) in papers {
        let lines = fs::read_to_string(root().join(paper)).unwrap().lines().count();
        if lines > lines_max {
            complaints.push(format!("{paper}: {lines} lines; at most {lines_max}"));
        }
    }
    for (path, text) in sources(&["."]) {
        if path != "tests/tests/tidy.rs" {
            complaints.extend(find(&path, &text, &[("/work/", "a path of somebody's machine")]));
        }
    }
    report(&complaints);
}

#[test]
fn every_promise_names_a_test_that_exists() {
    let contract = fs::read_to_string(root().join("docs/semantics.md")).unwrap();
    let folders = ["src", "runtime", "transport", "registry", "cache", "shell", "tests"];
    let code: String = sources(&folders).into_values().collect();
    let mut complaints = Vec::new();
    for quoted in contract.split('`').skip(1).step_by(2) {
        let Some((_, test)) = quoted.split_once(" :: ") else { continue };
        let name = test.rsplit("::").next().unwrap_or(test);
        let exists = [format!("fn {name}("), format!("mod {name};")];
        if !quoted.starts_with("example") && !exists.iter().any(|it| code.contains(it)) {
            complaints.push(format!("docs/semantics.md: there is no test {quoted}"));
        }
    }
    report(&complaints);
}

fn find(path: &str, text: &str, words: &[(&str, &str)]) -> Vec<String> {
    let mut found = Vec::new();
    for (number, line) in code_lines(text) {
        for (word, instead) in words {
            if line.contains(word) {
                found.push(format!("{path}:{number}: {word:?}; instead: {instead}"));
            }
        }
    }
    found
}

/// Lines with their numbers, without comments.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let numbered = text.lines().enumerate().map(|(index, line)| (index + 1, line));
    numbered.filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// All sources and papers below some folders of the workspace, by path.
fn sources(folders: &[&str]) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for folder in folders {
        collect(&root().join(folder), &mut files);
    }
    files
}

fn collect(folder: &Path, files: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        if path.is_dir() {
            if name != "target" && !name.starts_with('.') {
                collect(&path, files);
            }
        } else if name.ends_with(".rs") || name.ends_with(".md") {
            let relative = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
            let relative = relative.trim_start_matches("./").to_owned();
            files.insert(relative, fs::read_to_string(&path).unwrap());
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

fn report(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}
