//! Octets in, octets out: the rules of `docs/dns.md` in their order.

use super::UDP_PAYLOAD;
use super::cookie::Received;
use super::encode::{Edns, ExtendedError, Reply, write_decision};
use super::facts::{Disposition, Facts};
use super::request::{Opt, Question, Request, is_well_formed_subnet};
use super::transport::{Client, Transport};
use crate::chance::Chance;
use crate::decision::Decision;
use crate::hostname::MAX_WIRE;
use crate::record_type::{Rcode, RecordType};
use crate::settings::OutsideZones;
use crate::snapshot::Snapshot;

/// What a client without OPT takes over UDP, and every other client at least (RFC 1035 §4.2.1, RFC 6891 §6.2.3).
const SMALLEST: u16 = 512;
/// The longest message where nothing cuts it: one octet less than a length of 16 bits can say (D24).
const LONGEST: usize = 65_534;
/// Class IN.
const IN: u16 = 1;

impl Snapshot {
    /// Answers one DNS message: `query` in, the reply into `out`, which is cleared first.
    ///
    /// It never fails: what is no message at all leaves `out` empty and says [`Disposition::Drop`] (D15), and every other
    /// message gets a reply. An answer of addresses allocates nothing once `out` has grown.
    ///
    /// ```
    /// use core::num::NonZeroU64;
    /// use mci_core::wire::{Disposition, Transport};
    /// use mci_core::{Builder, Chance, Endpoint, HostnameState, Rcode, Settings, Zones};
    ///
    /// struct First;
    /// impl Chance for First {
    ///     fn below(&mut self, _n: NonZeroU64) -> u64 {
    ///         0
    ///     }
    /// }
    ///
    /// let mut builder = Builder::new(Settings::default(), Zones::default());
    /// let endpoint = Endpoint::new("west".parse()?, ["192.0.2.10".parse()?]);
    /// builder.insert(&HostnameState::new("a.example".parse()?).endpoint(endpoint))?;
    /// let snapshot = builder.build();
    ///
    /// let query = b"\x2a\x2b\x01\0\0\x01\0\0\0\0\0\0\x01a\x07example\0\0\x01\0\x01";
    /// let mut reply = Vec::new();
    /// let facts = snapshot.answer(query, Transport::Stream, &mut First, &mut reply);
    /// assert_eq!((facts.disposition, facts.rcode), (Disposition::Reply, Rcode::NOERROR));
    /// assert!(reply.starts_with(&query[..2]) && reply.ends_with(&[192, 0, 2, 10]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn answer(
        &self,
        query: &[u8],
        transport: Transport<'_>,
        chance: &mut (impl Chance + ?Sized),
        out: &mut Vec<u8>,
    ) -> Facts {
        out.clear();
        let Some(request) = Request::read(query) else { return Facts::DROPPED };
        let mut inquiry = Inquiry::new(&request, transport);
        match inquiry.rule(self.is_ready()) {
            Ruling::Final(rcode, disposition) => inquiry.reply(rcode, disposition, out),
            Ruling::Decide(question) => {
                let mut folded = [0; MAX_WIRE];
                let asked = fold(question.name, &mut folded);
                let decision = self.decide(asked, question.record_type, chance);
                let says_not_found = self.settings().outside_zones == OutsideZones::NotFound;
                inquiry.reply_with(&decision, asked, question.record_type, says_not_found, out)
            }
        }
    }
}

/// One message on its way through the rules.
struct Inquiry<'r, 'q, 't> {
    request: &'r Request<'q>,
    transport: Transport<'t>,
    /// The OPT record of the reply: there is one if the query has one (D18, D19).
    edns: Option<Edns<'q>>,
    cookie: Option<Received>,
}

/// What the rules in front of zones and names say.
enum Ruling<'q> {
    /// They answer.
    Final(Rcode, Disposition),
    /// They let the question through.
    Decide(Question<'q>),
}

impl<'r, 'q, 't> Inquiry<'r, 'q, 't> {
    fn new(request: &'r Request<'q>, transport: Transport<'t>) -> Self {
        let edns = request.opt.as_ref().map(Edns::for_query);
        Self { request, transport, edns, cookie: None }
    }

    /// The rules in front of zones and names: the first that fires answers.
    fn rule(&mut self, is_ready: bool) -> Ruling<'q> {
        let request = self.request;
        let final_reply = |rcode| Ruling::Final(rcode, Disposition::Reply);
        // D16
        if !request.is_query() {
            return final_reply(Rcode::NOTIMP);
        }
        // D15a
        if request.malformed {
            return match request.question {
                Some(_) => final_reply(Rcode::FORMERR),
                None => Ruling::Final(Rcode::FORMERR, Disposition::Unreadable),
            };
        }
        if let Some(opt) = &request.opt {
            // D20: the options of another version may mean anything, so none of them is looked at.
            if opt.version > 0 {
                return final_reply(Rcode::BADVERS);
            }
            // D21
            if self.take_cookie(opt).is_err() {
                return final_reply(Rcode::FORMERR);
            }
        }
        // D21: a question for a cookie alone. RFC 7873 §5.4: a bad server cookie is told to be bad.
        if request.question_count == 0 {
            match self.cookie {
                Some(Received::Bad(_)) => return final_reply(Rcode::BADCOOKIE),
                Some(_) => return final_reply(Rcode::NOERROR),
                None => {}
            }
        }
        // D14
        let (Some(question), 1) = (request.question, request.question_count) else {
            return final_reply(Rcode::FORMERR);
        };
        // D22
        if self.take_subnet().is_err() {
            return final_reply(Rcode::FORMERR);
        }
        // D21: over its limit, a client has to show that its address is its own.
        if self.must_prove_its_address() {
            return final_reply(Rcode::BADCOOKIE);
        }
        // D13, D10
        if question.class != IN || matches!(question.record_type, RecordType::AXFR | RecordType::IXFR) {
            return final_reply(Rcode::REFUSED);
        }
        // D27
        if !is_ready {
            self.set_error(ExtendedError::NotReady);
            return Ruling::Final(Rcode::SERVFAIL, Disposition::NotReady);
        }
        Ruling::Decide(question)
    }

    /// Judges the query's cookie and puts ours into the reply (D21).
    fn take_cookie(&mut self, opt: &Opt<'_>) -> Result<(), Malformed> {
        let (Some(content), Some(client)) = (opt.cookie, self.client()) else { return Ok(()) };
        let received = Received::judge(content, client);
        let ours = match received {
            Received::Malformed => return Err(Malformed),
            Received::ClientOnly(ours) | Received::Bad(ours) | Received::Good(ours) => ours,
        };
        if let Some(edns) = &mut self.edns {
            edns.cookie = Some(ours);
        }
        self.cookie = Some(received);
        Ok(())
    }

    /// Checks the query's client subnet and echoes it (D22).
    fn take_subnet(&mut self) -> Result<(), Malformed> {
        let subnet = self.request.opt.and_then(|opt| opt.subnet);
        if !subnet.is_none_or(is_well_formed_subnet) {
            return Err(Malformed);
        }
        if let Some(edns) = &mut self.edns {
            edns.subnet = subnet;
        }
        Ok(())
    }

    /// Whether a cookie client over its rate limit came without a good server cookie, over UDP (D21).
    fn must_prove_its_address(&self) -> bool {
        matches!(self.transport, Transport::Datagram(Client { over_limit: true, .. }))
            && matches!(self.cookie, Some(Received::ClientOnly(_) | Received::Bad(_)))
    }

    fn client(&self) -> Option<&Client<'t>> {
        match &self.transport {
            Transport::Stream => None,
            Transport::Tcp(client) | Transport::Datagram(client) => Some(client),
        }
    }

    fn set_error(&mut self, error: ExtendedError) {
        if let Some(edns) = &mut self.edns {
            edns.error = Some(error);
        }
    }

    /// The most octets that the reply may have (D23, D24).
    fn size(&self) -> usize {
        match (self.transport, &self.request.opt) {
            (Transport::Datagram(_), Some(opt)) => opt.payload.clamp(SMALLEST, UDP_PAYLOAD).into(),
            (Transport::Datagram(_), None) => SMALLEST.into(),
            (Transport::Stream | Transport::Tcp(_), _) => LONGEST,
        }
    }

    fn begin<'o>(&self, out: &'o mut Vec<u8>) -> Reply<'o> {
        Reply::begin(out, self.request, self.size(), self.edns.as_ref().map_or(0, Edns::len))
    }

    /// A reply without records.
    fn reply(&self, rcode: Rcode, disposition: Disposition, out: &mut Vec<u8>) -> Facts {
        self.begin(out).finish(rcode, false, self.edns.as_ref());
        Facts {
            disposition,
            rcode,
            query_type: self.request.question.map(|question| question.record_type),
            cookie_valid: matches!(self.cookie, Some(Received::Good(_))),
            ..Facts::DROPPED
        }
    }

    /// The reply that a decision is.
    fn reply_with(
        mut self,
        decision: &Decision<'_>,
        asked: &[u8],
        record_type: RecordType,
        says_not_found: bool,
        out: &mut Vec<u8>,
    ) -> Facts {
        // D30
        if decision.stale {
            self.set_error(ExtendedError::StaleAnswer);
        } else if decision.rcode == Rcode::REFUSED {
            self.set_error(ExtendedError::NotAuthoritative);
        }
        let mut reply = self.begin(out);
        write_decision(&mut reply, asked, record_type, decision);
        let truncated = reply.is_truncated();
        reply.finish(decision.rcode, decision.authoritative, self.edns.as_ref());
        // D11: no other decision refuses.
        let is_foreign = decision.rcode == Rcode::REFUSED;
        Facts {
            disposition: if is_foreign && says_not_found {
                Disposition::NotFound
            } else {
                Disposition::Reply
            },
            rcode: decision.rcode,
            query_type: Some(record_type),
            zone: decision.zone,
            cluster: decision.cluster,
            stale: decision.stale,
            truncated,
            chain_cut: decision.chain.as_ref().is_some_and(|chain| chain.cut),
            cookie_valid: matches!(self.cookie, Some(Received::Good(_))),
        }
    }
}

/// An option is not as its RFC says.
struct Malformed;

/// `name` with A–Z folded (R1): a label's length is at most 63, below every letter.
fn fold<'b>(name: &[u8], buffer: &'b mut [u8; MAX_WIRE]) -> &'b [u8] {
    let folded = buffer.get_mut(..name.len()).expect("a question's name has at most 255 octets");
    folded.copy_from_slice(name);
    folded.make_ascii_lowercase();
    folded
}
