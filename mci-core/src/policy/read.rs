//! Reads a policy file.

use crate::outcome::Query;
use crate::policy::read_expect::expectation;
use crate::policy::{Always, LoadError, Step, Suite, Test};
use crate::record_type::{Rcode, RecordType};
use crate::simulate::{
    ClusterPattern, EndpointPattern, Given, NothingMeant, hostnames, no_hostname, patched,
};
use crate::snapshot::Snapshot;
use crate::state_file::names;
use crate::state_file::node::{Node, Place, Value};
use crate::state_file::problem::{Collected, Problem};
use crate::state_file::reader::{Path, Reader, keys};
use crate::state_file::stream::{self, Detail};
use crate::state_file::text::Text;
use crate::state_file::{self, Problems};

keys!(SuiteKey { State = "state", Tests = "tests", Always = "always" });

keys!(TestKey { Name = "name", Query = "query", Given = "given", Expect = "expect", Steps = "steps" });

keys!(StepKey { Given = "given", Expect = "expect", Query = "query" });

keys!(AlwaysKey {
    Name = "name",
    For = "for",
    Type = "type",
    Losing = "losing",
    Given = "given",
    Expect = "expect",
});

keys!(QueryKey { Name = "name", Type = "type", Client = "client" });

keys!(GivenKey {
    Alive = "alive",
    Down = "down",
    Gone = "gone",
    Drained = "drained",
    Ready = "ready",
    Unready = "unready",
    Patch = "patch",
});

/// Makes the state of what the file names for it.
type Load<'l> = &'l dyn Fn(&[&str]) -> Result<Snapshot, LoadError>;

/// How many losses one of `always` may try.
const MOST_LOSSES: usize = 100_000;

pub(crate) fn suite(file: &str, text: &str, load: Load<'_>) -> Result<Suite, Problems> {
    let mut problems = Collected::default();
    let mut warnings = Collected::default();
    let text = Text::new(file, text);
    let repaired = state_file::repaired(&text, &mut problems);
    let text = repaired.as_ref().unwrap_or(&text);
    let node = match stream::tree(text) {
        Ok(node) => node,
        Err(syntax) => {
            Reader::new(text, Detail::Places, &mut problems, &mut warnings).syntax(syntax);
            return Err(problems.into_problems());
        }
    };
    let suite = read_suite(text, &node, &mut problems, load);
    match suite {
        Some(suite) if problems.is_empty() => Ok(suite),
        _ => Err(problems.into_problems()),
    }
}

fn read_suite(text: &Text<'_>, node: &Node<'_>, problems: &mut Collected, load: Load<'_>) -> Option<Suite> {
    let mut warnings = Collected::default();
    let mut reader = Reader::new(text, Detail::Places, problems, &mut warnings);
    let (mut state, mut tests, mut always) = (None, None, None);
    let root = Path::Root;
    if matches!(node.value, Value::Null) {
        let hint = || Some("a policy file has `state` and `tests`; `mci init` writes one".to_owned());
        reader.problem_with(&root, node.at, "the file is empty", hint);
        return None;
    }
    reader.map(node, &root, |_, key, node, _| match key {
        SuiteKey::State => state = Some(node),
        SuiteKey::Tests => tests = Some(node),
        SuiteKey::Always => always = Some(node),
    })?;
    if tests.is_none() && always.is_none() {
        reader.problem(&root, node.at, "there is nothing to test: write `tests` or `always`");
    }
    let Some(state) = state else {
        reader.problem(
            &root,
            node.at,
            "the key \"state\" is missing: the name of a state file, or a state itself",
        );
        return None;
    };
    // Without a state no name can be looked up.
    let base = read_state(text, state, &root.key("state"), problems, load)?;
    let mut reader = Reader::new(text, Detail::Places, problems, &mut warnings);
    let mut suite = Suite { file: text.name.to_string(), tests: Vec::new(), always: Vec::new() };
    if let Some(tests) = tests {
        reader.list(tests, &root.key("tests"), "a list of tests", |reader, node, path| {
            suite.tests.extend(test(reader, node, path, text, &base));
        });
    }
    if let Some(always) = always {
        reader.list(always, &root.key("always"), "a list of rules", |reader, node, path| {
            suite.always.extend(always_rule(reader, node, path, text, &base));
        });
    }
    Some(suite)
}

/// The name of a state file, several names, or a state.
fn read_state(
    text: &Text<'_>,
    node: &Node<'_>,
    path: &Path<'_>,
    problems: &mut Collected,
    load: Load<'_>,
) -> Option<Snapshot> {
    if let Value::Map(_) = &node.value {
        return state_file::read_tree(text, node, path, problems);
    }
    let mut warnings = Collected::default();
    let mut reader = Reader::new(text, Detail::Places, problems, &mut warnings);
    let before = reader.problem_count();
    let mut named: Vec<(&str, Place, String)> = Vec::new();
    let expected = "the name of a state file, or a state itself";
    texts(&mut reader, node, path, expected, |_, node, path, name| {
        named.push((name, node.at, path.to_string()));
    });
    if reader.problem_count() > before {
        return None;
    }
    let names: Vec<&str> = named.iter().map(|(name, ..)| *name).collect();
    match load(&names) {
        Ok(snapshot) => return Some(snapshot),
        Err(LoadError::Unreadable(unreadable)) => {
            for (position, why) in unreadable {
                // Each stands where its name does.
                let (at, path) = match named.get(position) {
                    Some((_, at, path)) => (*at, path.clone()),
                    None => (node.at, path.to_string()),
                };
                let (line, column) = text.line_and_column(at);
                problems.push(|| Problem { line, column, ..Problem::of(text.name(), path, why) });
            }
        }
        Err(LoadError::Wrong(in_state)) => problems.extend(in_state),
    }
    None
}

/// One text, or a list of them.
pub(crate) fn texts<'n>(
    reader: &mut Reader<'_>,
    node: &'n Node<'_>,
    path: &Path<'_>,
    expected: &str,
    mut each: impl FnMut(&mut Reader<'_>, &'n Node<'_>, &Path<'_>, &'n str),
) {
    match &node.value {
        Value::Text(text) => each(reader, node, path, text),
        Value::List(_) => reader.list(node, path, expected, |reader, node, path| {
            if let Some(text) = reader.text(node, path, expected) {
                each(reader, node, path, text);
            }
        }),
        _ => reader.unexpected(path, node, expected),
    }
}

fn test(
    reader: &mut Reader<'_>,
    node: &Node<'_>,
    path: &Path<'_>,
    text: &Text<'_>,
    base: &Snapshot,
) -> Option<Test> {
    let (mut name, mut query_node, mut given_node, mut expect_node, mut steps_node) =
        (None, None, None, None, None);
    reader.map(node, path, |reader, key, node, path| match key {
        TestKey::Name => name = reader.text(node, path, "a name as text"),
        TestKey::Query => query_node = Some(node),
        TestKey::Given => given_node = Some(node),
        TestKey::Expect => expect_node = Some(node),
        TestKey::Steps => steps_node = Some(node),
    })?;
    let own_query = query_node.and_then(|node| query(reader, node, &path.key("query")));
    let (world, given_text) = match given_node {
        Some(node) => given(reader, node, &path.key("given"), base)?,
        None => (base.clone(), String::new()),
    };
    let query_path = path.key("query");
    let question = Question { node: query_node, query: own_query.as_ref(), path: &query_path };
    let mut steps = Vec::new();
    if let Some(node) = expect_node {
        let scene = Scene { number: None, given: given_text.clone(), world: world.clone() };
        steps.extend(question.expect(reader, node, &path.key("expect"), scene, base));
    }
    if let Some(node) = steps_node {
        let mut before = (world, given_text);
        let mut number = 0;
        reader.list(node, &path.key("steps"), "a list of steps", |reader, node, path| {
            number += 1;
            steps.extend(step(reader, node, path, number, &question, &mut before, base));
        });
    }
    if expect_node.is_none() && steps_node.is_none() {
        reader.problem(path, node.at, "there is nothing to test: write `expect` or `steps`");
    }
    let (line, _) = text.line_and_column(node.at);
    let name = name.map_or_else(|| own_query.as_ref().map_or_else(String::new, query_text), str::to_owned);
    Some(Test { name, line, steps })
}

fn query_text(query: &Query) -> String {
    format!("{} {}", query.name(), query.record_type())
}

/// One of `steps`, on top of the last.
fn step(
    reader: &mut Reader<'_>,
    node: &Node<'_>,
    path: &Path<'_>,
    number: usize,
    of_test: &Question<'_, '_>,
    before: &mut (Snapshot, String),
    base: &Snapshot,
) -> Option<Step> {
    let (mut given_node, mut expect_node, mut step_query) = (None, None, None);
    reader.map(node, path, |_, key, node, _| match key {
        StepKey::Given => given_node = Some(node),
        StepKey::Expect => expect_node = Some(node),
        StepKey::Query => step_query = Some(node),
    })?;
    if let Some(node) = given_node {
        let (world, given_text) = given(reader, node, &path.key("given"), &before.0)?;
        let both = [before.1.as_str(), given_text.as_str()];
        let both: Vec<&str> = both.into_iter().filter(|text| !text.is_empty()).collect();
        *before = (world, both.join(", then "));
    }
    let query_path = path.key("query");
    let query_here = step_query.and_then(|node| query(reader, node, &query_path));
    let Some(node) = expect_node else {
        reader.problem(path, node.at, "the key \"expect\" is missing");
        return None;
    };
    let scene = Scene { number: Some(number), given: before.1.clone(), world: before.0.clone() };
    let path = path.key("expect");
    if step_query.is_none() {
        return of_test.expect(reader, node, &path, scene, base);
    }
    let of_step = Question { node: step_query, query: query_here.as_ref(), path: &query_path };
    of_step.expect(reader, node, &path, scene, base)
}

/// What an expectation is asked about.
struct Question<'q, 'p> {
    /// Absent where the test has no query.
    node: Option<&'q Node<'q>>,
    /// Absent where the query is wrong, too.
    query: Option<&'q Query>,
    path: &'p Path<'p>,
}

/// The world in which it is asked.
struct Scene {
    number: Option<usize>,
    given: String,
    world: Snapshot,
}

impl Question<'_, '_> {
    fn expect(
        &self,
        reader: &mut Reader<'_>,
        node: &Node<'_>,
        path: &Path<'_>,
        Scene { number, given, world }: Scene,
        base: &Snapshot,
    ) -> Option<Step> {
        let expect = expectation(reader, node, path, &world);
        let Some(query_node) = self.node else {
            reader.problem(path, node.at, "there is no `query` to expect something of");
            return None;
        };
        let (expect, query) = (expect?, self.query?.clone());
        if !expect.is_of_missing_names() && [&world, base].into_iter().all(|world| is_missing(world, &query))
        {
            reader.problem(self.path, query_node.at, no_hostname(&query.name().to_string(), &world));
            return None;
        }
        Some(Step { number, given, world, query, expect })
    }
}

/// Whether no zone and no hostname has the name.
fn is_missing(world: &Snapshot, query: &Query) -> bool {
    let any = Query::new(query.name().clone(), RecordType::ANY);
    matches!(world.possible(&any).rcode, Rcode::NXDOMAIN | Rcode::REFUSED)
}

fn always_rule(
    reader: &mut Reader<'_>,
    node: &Node<'_>,
    path: &Path<'_>,
    text: &Text<'_>,
    base: &Snapshot,
) -> Option<Always> {
    let (mut name, mut pattern, mut record_type, mut losing) = (None, None, None, 0_usize);
    let (mut given_node, mut expect_node) = (None, None);
    let allowed = reader.map(node, path, |reader, key, node, path| match key {
        AlwaysKey::Name => name = reader.text(node, path, "a name as text"),
        AlwaysKey::For => {
            let text = reader.text(node, path, "a hostname, or a pattern with '*', as text");
            pattern = text.map(|text| (text, node));
        }
        AlwaysKey::Type => record_type = reader.parsed(node, path, "a record type as text"),
        AlwaysKey::Losing => {
            losing = reader.integer(node, path, (0, 1_000), "lost clusters").unwrap_or_default();
        }
        AlwaysKey::Given => given_node = Some(node),
        AlwaysKey::Expect => expect_node = Some(node),
    })?;
    for (key, text) in [(AlwaysKey::For, "for"), (AlwaysKey::Expect, "expect")] {
        if !key.is_in(allowed) {
            reader.problem(path, node.at, format_args!("the key {text:?} is missing"));
        }
    }
    let (world, given) = match given_node {
        Some(node) => given(reader, node, &path.key("given"), base)?,
        None => (base.clone(), String::new()),
    };
    let expect = expectation(reader, expect_node?, &path.key("expect"), &world);
    let (pattern, pattern_node) = pattern?;
    let pattern = pattern.strip_suffix('.').unwrap_or(pattern).to_ascii_lowercase();
    let hostnames = hostnames(&pattern, &world);
    if hostnames.is_empty() {
        reader.problem(&path.key("for"), pattern_node.at, no_hostname(&pattern, &world));
    }
    let clusters = world.clusters().count();
    if losses(clusters, losing) > MOST_LOSSES {
        let message = format_args!("losing {losing} of {clusters} clusters is over {MOST_LOSSES} cases");
        reader.problem(&path.key("losing"), node.at, message);
    } else if losing > clusters {
        let message = format_args!("there are {clusters} clusters: {losing} cannot be lost");
        reader.problem(&path.key("losing"), node.at, message);
    }
    let (line, _) = text.line_and_column(node.at);
    let name = name.map_or_else(|| format!("always {pattern}"), str::to_owned);
    Some(Always { name, line, hostnames, losing, given, world, record_type, expect: expect? })
}

/// How many choices of `losing` clusters there are; no more than one above the limit.
fn losses(clusters: usize, losing: usize) -> usize {
    let mut count = 1_usize;
    for step in 0..losing.min(clusters) {
        count = count.saturating_mul(clusters - step) / (step + 1);
        if count > MOST_LOSSES {
            break;
        }
    }
    count
}

/// `NAME [TYPE]`, or `{name, type, client}`; A where no type is named.
fn query(reader: &mut Reader<'_>, node: &Node<'_>, path: &Path<'_>) -> Option<Query> {
    let (mut name, mut record_type) = (None, Some(RecordType::A));
    if let Value::Map(_) = &node.value {
        let given = reader.map(node, path, |reader, key, node, path| match key {
            QueryKey::Name => name = names::hostname(reader, node, path),
            QueryKey::Type => record_type = reader.parsed(node, path, "a record type as text"),
            // No rule looks at it yet; what is no address is wrong all the same.
            QueryKey::Client => {
                let _ = names::address(reader, node, path);
            }
        })?;
        if !QueryKey::Name.is_in(given) {
            reader.problem(path, node.at, "the key \"name\" is missing");
        }
        return Some(Query::new(name?, record_type?));
    }
    let text = reader.text(node, path, "a name and a type as text, such as \"app.example.com A\"")?;
    let mut words = text.split_whitespace();
    match crate::text::hostname(words.next().unwrap_or_default()) {
        Ok(parsed) => name = Some(parsed),
        Err(error) => reader.problem(path, node.at, error),
    }
    match words.next().map(str::parse::<RecordType>) {
        None => {}
        Some(Ok(parsed)) => record_type = Some(parsed),
        Some(Err(error)) => {
            reader.problem(path, node.at, error);
            record_type = None;
        }
    }
    if let Some(beside) = words.next() {
        reader.problem(
            path,
            node.at,
            format_args!("expected a name and a type, found {beside:?} behind them"),
        );
    }
    Some(Query::new(name?, record_type?))
}

/// What is assumed on top of a world, and as text; nothing where a name in it means nothing.
fn given(
    reader: &mut Reader<'_>,
    node: &Node<'_>,
    path: &Path<'_>,
    before: &Snapshot,
) -> Option<(Snapshot, String)> {
    if matches!(node.value, Value::Null) {
        return Some((before.clone(), String::new()));
    }
    let problems = reader.problem_count();
    let mut nodes: Vec<(GivenKey, &Node<'_>)> = Vec::new();
    reader.map(node, path, |_, key, node, _| nodes.push((key, node)))?;
    let laid_over = nodes.iter().find(|(key, _)| *key == GivenKey::Patch).map(|(_, node)| *node);
    // What a patch adds can be named beside it.
    let world = match laid_over {
        Some(node) => patched(reader, node, &path.key("patch"), before)?,
        None => before.clone(),
    };
    let mut given = Given::default();
    for (key, node) in nodes {
        let (clusters, endpoints, text) = match key {
            GivenKey::Alive => (Some(&mut given.alive), None, "alive"),
            GivenKey::Down => (Some(&mut given.down), None, "down"),
            GivenKey::Gone => (Some(&mut given.gone), None, "gone"),
            GivenKey::Drained => (Some(&mut given.drained), None, "drained"),
            GivenKey::Ready => (None, Some(&mut given.ready), "ready"),
            GivenKey::Unready => (None, Some(&mut given.unready), "unready"),
            GivenKey::Patch => continue,
        };
        let path = path.key(text);
        if let Some(clusters) = clusters {
            texts(reader, node, &path, "a list of clusters", |reader, node, path, text| {
                let pattern = ClusterPattern::from(text);
                if meant(reader, node, path, pattern.of(&world)) {
                    clusters.push(pattern);
                }
            });
        }
        if let Some(endpoints) = endpoints {
            texts(reader, node, &path, "a list of HOST@CLUSTER", |reader, node, path, text| {
                match text.parse::<EndpointPattern>() {
                    Ok(pattern) => {
                        if meant(reader, node, path, pattern.of(&world)) {
                            endpoints.push(pattern);
                        }
                    }
                    Err(error) => reader.problem(path, node.at, error),
                }
            });
        }
    }
    if reader.problem_count() > problems {
        return None;
    }
    let text = [if laid_over.is_some() { "patch".to_owned() } else { String::new() }, given.to_string()];
    let text: Vec<String> = text.into_iter().filter(|text| !text.is_empty()).collect();
    // Every name was looked up above.
    Some((given.apply(&world).ok()?, text.join("; ")))
}

fn meant<T>(
    reader: &mut Reader<'_>,
    node: &Node<'_>,
    path: &Path<'_>,
    found: Result<T, NothingMeant>,
) -> bool {
    match found {
        Ok(_) => true,
        Err(nothing) => {
            reader.problem(path, node.at, nothing);
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::read_expect::{ExpectKey, PartKey};
    use crate::state_file::tests::undocumented;

    #[test]
    fn every_key_is_in_the_documentation() {
        let page = include_str!("../../../docs/policy-tests.md");
        let undocumented = [
            undocumented::<SuiteKey>(page),
            undocumented::<TestKey>(page),
            undocumented::<StepKey>(page),
            undocumented::<AlwaysKey>(page),
            undocumented::<GivenKey>(page),
            undocumented::<ExpectKey>(page),
            undocumented::<PartKey>(page),
        ];
        assert_eq!(undocumented.concat(), ["state"; 0]);
    }
}
