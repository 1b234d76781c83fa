// SPDX-License-Identifier: Apache-2.0
//! The operator's view in the admin API.
//!
//! In: the parts of a running gateway. Out: the page at `/`, and `/overview`, `/problems`,
//! `/policies`, `/explain`, `/ejections`, `/sockets` and `/xds`: text, or JSON where that is asked for.

use std::{collections::HashMap, sync::Arc};

use serde_json::{Value, json};
use sluicegate_admin::{Answer, Page, Request, View, Views};
use sluicegate_manifest::{Document, FieldPath};
use sluicegate_resource::ObjectRef;

use super::view::Shared;
use crate::{
    commands::explain::{self, Kind},
    condition_table,
    explain::{
        backend::{self, BackendFacts},
        backend_name,
        uses::Uses,
    },
    operator::{
        backends::{self, BackendRow, Reported, State},
        ejections, html,
        numbers::Totals,
        of_round::{Memory, OfRound, known_of},
        overview::{MOST, Overview, Process, Wanted},
        problems::{self, Problem, Witnesses},
        sockets, text,
    },
    pipeline::Round,
};

/// Makes the pages.
#[derive(Clone)]
pub(super) struct Operator {
    shared: Arc<Shared>,
    /// What an API server refuses, when there is one.
    rights: Option<View<Vec<String>>>,
    /// Whether there are manifests.
    has_manifests: bool,
    memory: Arc<Memory>,
}

impl Operator {
    pub(super) fn new(
        shared: &Arc<Shared>,
        rights: Option<View<Vec<String>>>,
        is_proxy: bool,
    ) -> Self {
        Self {
            shared: shared.clone(),
            rights,
            has_manifests: !is_proxy,
            memory: Arc::default(),
        }
    }

    /// Adds the pages to those of the admin API.
    pub(super) fn add_to(self, views: &mut Views) {
        let mut pages = vec![
            self.page("/overview", OVERVIEW, Self::overview_page),
            self.page("/problems", PROBLEMS, Self::problems_page),
            self.page("/ejections", EJECTIONS, Self::ejections_page),
            self.page("/sockets", SOCKETS, Self::sockets_page),
        ];
        if self.has_manifests {
            let xds = self.page("/xds", XDS, Self::xds_page);
            pages.extend([
                self.page("/policies", POLICIES, Self::policies_page),
                self.page("/explain", EXPLAIN, Self::explain_page),
                Page {
                    aliases: &["/sluicegate/nodes"],
                    ..xds
                },
            ]);
        }
        views.pages.splice(0..0, pages);
        views.home = Some(Arc::new(move |request, commands| {
            self.home(request, commands)
        }));
    }

    fn page(&self, path: &'static str, help: &'static str, show: Show) -> Page {
        let operator = self.clone();
        Page {
            path,
            aliases: &[],
            help,
            show: Arc::new(move |request| show(&operator, request)),
        }
    }

    fn home(&self, request: &Request, commands: &str) -> Answer {
        let round = self.shared.rounds.load_full();
        let of_round = self.memory.of(&round);
        let overview = self.overview(&of_round, &wanted(request));
        let uses = Uses::of(&round);
        let facts = |cluster: &str| {
            let base = backends::base(cluster).unwrap_or(cluster);
            let backend = round.graph.backends.get(of_round.key(base)?)?;
            Some(backend::facts_with(&round, backend, &uses))
        };
        match nonce() {
            Ok(nonce) => html::page(&overview, &facts, commands, &nonce),
            Err(error) => Answer::internal_error(format!("no random numbers: {error}\n")),
        }
    }

    fn overview_page(&self, request: &Request) -> Answer {
        let of_round = self.memory.of(&self.shared.rounds.load_full());
        let overview = self.overview(&of_round, &wanted(request));
        show(request, &overview, || text::overview(&overview))
    }

    fn problems_page(&self, request: &Request) -> Answer {
        let of_round = self.memory.of(&self.shared.rounds.load_full());
        let problems = self.problems(&of_round, &self.rows(&of_round).0);
        show(request, &json!({ "problems": &problems }), || {
            text::problems(&problems)
        })
    }

    fn policies_page(&self, request: &Request) -> Answer {
        let round = self.shared.rounds.load_full();
        let mut statuses = self.shared.policy_statuses(&round);
        let all = statuses.len();
        let wanted = wanted(request);
        statuses.retain(|it| it.object.to_string().contains(&wanted.filter));
        let matching = statuses.len();
        // Stable: those of a kind stay together.
        statuses.sort_by_cached_key(|it| condition_table::is_well(&it.status));
        statuses.truncate(wanted.most);
        let mut list = sluicegate_status::list(&statuses);
        let sources = sources(&round);
        for (item, status) in list["items"]
            .as_array_mut()
            .into_iter()
            .flatten()
            .zip(&statuses)
        {
            item["source"] = sources
                .get(&status.object)
                .map(|it| it.place(&name_field()))
                .into();
        }
        list["policies"] = json!({ "all": all, "matching": matching, "shown": statuses.len() });
        show(request, &list, || {
            let mut text = text::plain(&condition_table::table(&list, None));
            if statuses.len() < matching {
                let shown = statuses.len();
                text.push_str(&format!(
                    "the worst {shown} of {matching}: ?filter=, ?all\n"
                ));
            }
            text
        })
    }

    /// Of everything that a command explains, by the name of its kind.
    fn explain_page(&self, request: &Request) -> Answer {
        let round = self.shared.rounds.load();
        let asked = Kind::PARAMETERS.into_iter().find_map(|(parameter, kind)| {
            let name = request.value(parameter)?;
            Some((kind, backends::base(name).unwrap_or(name)))
        });
        let Some((kind, name)) = asked else {
            return names_page(&round, request);
        };
        let explained = match kind {
            Kind::Backend => explain::backends(&round, name).and_then(|facts| {
                let rows = self.ill(&facts);
                Ok((explain::told(facts)?, rows))
            }),
            kind => explain::explained(&round, kind, name).map(|told| (told, Vec::new())),
        };
        match explained {
            Ok(((mut value, text), rows)) => {
                add_now(&mut value, &rows);
                show(request, &value, || {
                    text::plain(&text(None)) + &text::now(&rows)
                })
            }
            Err(error) => Answer::not_found(format!("{error}\n")),
        }
    }

    /// What connected Envoys took and refused.
    fn xds_page(&self, request: &Request) -> Answer {
        match &self.shared.ads {
            Some(server) => {
                let ledger = server.ledger();
                show(request, &ledger.to_json(), || ledger.to_text())
            }
            None => show(request, &Value::Null, || {
                "ADS is not served: see --ads-address\n".to_owned()
            }),
        }
    }

    /// Those of these backends that are not well now; no other is looked at.
    fn ill(&self, facts: &[BackendFacts]) -> Vec<BackendRow> {
        let known = known_of(facts);
        let is_meant = |cluster: &str| {
            let base = backends::base(cluster).unwrap_or(cluster);
            known.contains_key(base)
        };
        let shared = &self.shared;
        let clusters = shared.data_plane.clusters_of(is_meant);
        let names = clusters.cluster_statuses.iter().map(backends::stat_name);
        let names: Vec<String> = names.collect();
        let reported = Reported {
            clusters: &clusters,
            ejected: &shared.data_plane.ejections_of(is_meant),
            history: &shared.samples.history_of(&shared.registry, &names),
            is_control_only: !shared.carries_traffic,
        };
        let mut rows = backends::rows(&known, &reported);
        rows.retain(|row| matches!(row.state, State::Failing | State::Degraded));
        rows
    }

    /// Whom outlier detection has ejected.
    fn ejections_page(&self, request: &Request) -> Answer {
        let mut ejected = self.shared.data_plane.ejections();
        ejected.sort_by_key(|it| (it.ago, it.cluster.clone(), it.address));
        let rows = ejections::rows(&ejected);
        show(request, &json!({ "ejections": &rows }), || {
            text::ejections(&rows)
        })
    }

    /// What the kernel knows about connections to endpoints.
    fn sockets_page(&self, request: &Request) -> Answer {
        let data_plane = &self.shared.data_plane;
        match sockets::upstream(&data_plane.clusters(), &data_plane.keepalives()) {
            Ok(sockets) => show(request, &sockets, || text::sockets(&sockets)),
            Err(error) => Answer::internal_error(format!("the kernel does not tell: {error}\n")),
        }
    }

    fn overview(&self, of_round: &OfRound, wanted: &Wanted) -> Overview {
        let (rows, clients) = self.rows(of_round);
        let problems = self.problems(of_round, &rows);
        let uptime = self.shared.started.elapsed().as_millis();
        let process = Process {
            server: super::admin::state(self.shared.state()).to_string(),
            uptime_ms: u64::try_from(uptime).unwrap_or(u64::MAX),
            clients,
        };
        Overview::new(process, wanted, rows, problems, of_round)
    }

    /// Every backend, and what clients have had of the process.
    fn rows(&self, of_round: &OfRound) -> (Vec<BackendRow>, Totals) {
        let shared = &self.shared;
        let history = shared.samples.history(&shared.registry);
        let reported = Reported {
            clusters: &shared.data_plane.clusters(),
            ejected: &shared.data_plane.ejections(),
            history: &history,
            is_control_only: !shared.carries_traffic,
        };
        (backends::rows(&of_round.known, &reported), history.totals)
    }

    fn problems(&self, of_round: &OfRound, rows: &[BackendRow]) -> Vec<Problem> {
        let shared = &self.shared;
        let witnesses = Witnesses {
            of_round: &of_round.problems,
            report: &shared.data_plane.reports(),
            ledger: shared.ads.as_ref().map(sluicegate_ads::Server::ledger),
            client: shared.client.as_deref(),
            rights: self.rights.as_ref().map_or_else(Vec::new, |view| view()),
        };
        problems::problems(rows, &witnesses)
    }
}

type Show = fn(&Operator, &Request) -> Answer;

/// JSON where it is asked for, text otherwise.
fn show(request: &Request, value: &impl serde::Serialize, text: impl FnOnce() -> String) -> Answer {
    if !request.wants_json() {
        return Answer::text(text());
    }
    match sluicegate_xds::json::print(value) {
        Ok(text) => Answer::json(text),
        Err(error) => Answer::internal_error(format!("{error}\n")),
    }
}

/// What a query asks for of an overview.
fn wanted(request: &Request) -> Wanted {
    Wanted {
        filter: request.value("filter").unwrap_or_default().to_owned(),
        most: request.value("all").map_or(MOST, |_| usize::MAX),
    }
}

/// Puts how a backend is now beside its facts.
fn add_now(facts: &mut Value, rows: &[BackendRow]) {
    for item in facts.as_array_mut().into_iter().flatten() {
        let cluster = item["cluster"].as_str().unwrap_or_default().to_owned();
        let of =
            |row: &&BackendRow| backends::base(&row.cluster).unwrap_or(&row.cluster) == cluster;
        let now: Vec<&BackendRow> = rows.iter().filter(of).collect();
        if let (false, Ok(now)) = (now.is_empty(), serde_json::to_value(&now)) {
            item["now"] = now;
        }
    }
}

fn names_page(round: &Round, request: &Request) -> Answer {
    let backends = round.graph.backends.values().take(MOST);
    let names: Vec<String> = backends.map(|it| backend_name(&it.key)).collect();
    show(request, &json!({ "backends": &names }), || {
        let list: String = names.iter().map(|it| format!("  {it}\n")).collect();
        format!("ask for one with ?backend=NAME, ?cluster=, ?route= or ?policy=; backends:\n{list}")
    })
}

/// Where each policy stands.
fn sources(round: &Round) -> HashMap<ObjectRef, &Document> {
    let graph = &round.graph;
    let policies = graph
        .policies
        .iter()
        .map(|it| (it.policy.reference().clone(), &*it.policy.document));
    let tls = graph
        .tls_policies
        .iter()
        .map(|it| (it.policy.reference().clone(), &*it.policy.document));
    let traffic = graph.traffic_policies.iter();
    let traffic = traffic.map(|it| (it.policy.reference().clone(), &*it.policy.document));
    policies.chain(tls).chain(traffic).collect()
}

fn name_field() -> FieldPath {
    FieldPath::dotted("metadata.name")
}

/// What only this answer's script and style know.
fn nonce() -> std::io::Result<String> {
    let mut bytes = [0_u8; 16];
    let mut file = std::fs::File::open("/dev/urandom")?;
    std::io::Read::read_exact(&mut file, &mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

const OVERVIEW: &str = "every backend, worst first: state and why, endpoints, requests; ?filter= \
                        for part of a name or a state, ?all for more than the worst 200, \
                        ?format=json for machines";
const PROBLEMS: &str = "everything that is wrong now, with what to do; ?format=json for machines";
const POLICIES: &str =
    "every policy: what it targets and its conditions; ?format=json for machines";
const EXPLAIN: &str = "effective settings with their sources and what lost; ?backend=NAME, \
                       ?cluster=, ?route=, ?policy=, ?traffic-policy=, ?format=json for machines";
const EJECTIONS: &str = "endpoints that outlier detection has ejected: by which detector, when they \
                         return; ?format=json for machines";
const SOCKETS: &str = "connections to endpoints as the kernel has them: timers of keepalive and of \
                       retransmission beside what is configured, round trip times, workers; \
                       ?format=json for machines";
const XDS: &str = "Envoys that take their configuration from here, what each took and what it \
                   refuses; ?format=json for machines";
