//! What a certificate says, for people.

use std::time::{SystemTime, UNIX_EPOCH};

use mci_kube::content::cluster::rfc3339;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;

use crate::doctor::Finding;

const DAY: u64 = 24 * 3_600;
/// A certificate that ends within this time is one to look after.
const SOON: u64 = 7 * DAY;

/// Of the one that a server showed, which was accepted.
pub(super) fn finding(der: Option<&[u8]>) -> Finding {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    match der.and_then(|der| X509Certificate::from_der(der).ok()) {
        Some((_, certificate)) => of(&certificate, now),
        None => Finding::ok("TLS, with a certificate that is accepted and cannot be shown"),
    }
}

fn of(certificate: &X509Certificate<'_>, now: u64) -> Finding {
    let mut names = Vec::new();
    if let Ok(Some(alternative)) = certificate.subject_alternative_name() {
        for name in &alternative.value.general_names {
            match name {
                GeneralName::DNSName(name) => names.push((*name).to_owned()),
                GeneralName::IPAddress([a, b, c, d]) => names.push(format!("{a}.{b}.{c}.{d}")),
                _ => {}
            }
        }
    }
    let ends = u64::try_from(certificate.validity().not_after.timestamp()).unwrap_or_default();
    let left = ends.saturating_sub(now);
    let until = rfc3339(ends).unwrap_or_else(|| "the end of time".to_owned());
    let what = format!(
        "TLS: certificate for {} by {}, until {until} ({} days)",
        names.join(", "),
        certificate.issuer(),
        left / DAY
    );
    if left < SOON { Finding::fail(what, "it ends soon: renew it") } else { Finding::ok(what) }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};

    use super::*;

    #[test]
    fn a_certificate_says_for_whom_by_whom_and_until_when() {
        let names = ["mci.east.example".to_owned(), "192.0.2.1".to_owned()];
        let mut parameters = CertificateParams::new(names).unwrap();
        parameters.distinguished_name.push(DnType::CommonName, "an authority");
        parameters.not_after = date_time_ymd(2030, 1, 1);
        let made = parameters.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let (_, certificate) = X509Certificate::from_der(made.der()).unwrap();
        let ends = 1_893_456_000;
        let said = |now| of(&certificate, now).to_string();
        let expected = |days| {
            format!(
                "TLS: certificate for mci.east.example, 192.0.2.1 by CN=an authority, until 2030-01-01T00:00:00Z ({days} days)"
            )
        };
        assert_eq!(said(ends - 100 * DAY), format!("ok    {}", expected(100)));
        assert_eq!(said(ends - 6 * DAY), format!("FAIL  {}: it ends soon: renew it", expected(6)));
    }
}
