//! A report as `JUnit` XML.

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use crate::policy::report::{Case, Report};

/// Several reports as one file.
pub(crate) fn write(reports: &[Report]) -> String {
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    write_all(&mut writer, reports).expect("a vector takes whatever is written");
    let mut text = String::from_utf8(writer.into_inner()).expect("text was written");
    text.push('\n');
    text
}

fn write_all(writer: &mut Writer<Vec<u8>>, reports: &[Report]) -> std::io::Result<()> {
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let tests: usize = reports.iter().map(|report| report.cases.len()).sum();
    let failures: usize = reports.iter().map(Report::failed).sum();
    writer
        .create_element("testsuites")
        .with_attributes([
            ("name", "mci"),
            ("tests", tests.to_string().as_str()),
            ("failures", failures.to_string().as_str()),
            ("errors", "0"),
        ])
        .write_inner_content(|writer| reports.iter().try_for_each(|report| write_report(writer, report)))?;
    Ok(())
}

fn write_report(writer: &mut Writer<Vec<u8>>, report: &Report) -> std::io::Result<()> {
    let name = if report.file.is_empty() { "policy" } else { &report.file };
    let name = printable(name);
    writer
        .create_element("testsuite")
        .with_attributes([
            ("name", name.as_str()),
            ("tests", report.cases.len().to_string().as_str()),
            ("failures", report.failed().to_string().as_str()),
            ("errors", "0"),
            ("skipped", "0"),
        ])
        .write_inner_content(|writer| {
            report.cases.iter().try_for_each(|case| write_case(writer, case, &name, &report.file))
        })?;
    Ok(())
}

fn write_case(writer: &mut Writer<Vec<u8>>, case: &Case, suite: &str, file: &str) -> std::io::Result<()> {
    let (name, file) = (printable(&case.name), printable(file));
    let line = case.line.map(|line| line.to_string()).unwrap_or_default();
    let mut attributes = vec![("name", name.as_str()), ("classname", suite)];
    if !file.is_empty() {
        attributes.push(("file", &file));
    }
    if !line.is_empty() {
        attributes.push(("line", &line));
    }
    let element = writer.create_element("testcase").with_attributes(attributes);
    let Some(first) = case.failures.first() else {
        element.write_empty()?;
        return Ok(());
    };
    let message = printable(&first.differences.join("; "));
    let text: Vec<String> = case.failures.iter().map(ToString::to_string).collect();
    element.write_inner_content(|writer| {
        writer
            .create_element("failure")
            .with_attributes([("message", message.as_str()), ("type", "expectation")])
            .write_text_content(BytesText::new(&printable(&text.join("\n"))))?;
        Ok(())
    })?;
    Ok(())
}

/// Without the characters that XML 1.0 has no place for.
fn printable(text: &str) -> String {
    let allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
    text.chars().map(|c| if allowed(c) { c } else { '\u{fffd}' }).collect()
}
