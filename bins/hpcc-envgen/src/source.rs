//! Where the machines come from: an address list, a list of pods, a live cluster, address files.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use cli::{Exit, InvalidInput, say};
use diagnostics::Problem;
use discovery::live::{LiveError, WaitError};
use discovery::{Found, Options, discover, live, read_address_folder};
use envxml::catalogue::Catalogue;
use envxml::compat::EnvgenArgs;
use topology::{ClusterSpec, HpccVersion, Placement};

use crate::cli::Generate;
use crate::file;
use crate::problems::Report;

/// How long one question to the API may take.
const API_SECONDS: u64 = 30;
/// The time between two looks at the pods.
const INTERVAL: Duration = Duration::from_secs(2);
/// The account that `--print-rbac` makes.
const ACCOUNT: &str = "hpcc-envgen";

/// The machines of a cluster.
pub(crate) enum Machines {
    /// Addresses without roles, parted by `;`.
    List(String),
    /// Machines by role.
    Roles {
        /// Which machine does what.
        placement: Placement,
        /// The version that the pods' images name.
        version: Option<HpccVersion>,
        /// Whether the machines are pods.
        from_pods: bool,
    },
}

/// Finds the machines; `None` when they cannot be used, which was said.
pub(crate) fn machines(
    arguments: &Generate,
    typed: &EnvgenArgs,
    spec: &ClusterSpec,
    report: &mut Report,
) -> Result<Option<Machines>> {
    let by_role =
        arguments.pods.is_some() || arguments.from_cluster || arguments.addresses.is_some();
    if arguments.pods.is_none() && !arguments.from_cluster {
        for (is_given, option) in
            [(arguments.host_names, "--host-names"), (arguments.namespace.is_some(), "--namespace")]
        {
            if is_given {
                return Err(cli::invalid(format!(
                    "{option} is about pods: add --pods or --from-cluster"
                )));
            }
        }
    }
    if by_role {
        only_settings(typed)?;
    } else if arguments.cluster.is_some() {
        return Err(cli::invalid(
            "--cluster says what is wanted, and not where: add --pods, --from-cluster or --addresses",
        ));
    }
    let found = if let Some(path) = &arguments.pods {
        Some(from_file(arguments, path, spec)?)
    } else if arguments.from_cluster {
        Some(from_cluster(arguments, spec)?)
    } else {
        None
    };
    if let Some(found) = found {
        return Ok(accept(arguments, found, report));
    }
    if let Some(folder) = &arguments.addresses {
        let files = read_address_folder(folder).map_err(|error| {
            let source =
                std::error::Error::source(&error).map(|s| format!(": {s}")).unwrap_or_default();
            InvalidInput(format!("{error}{source}"))
        })?;
        let mut placement = files.placement;
        placement.adopt_names(spec);
        let mut problems = files.problems;
        problems.extend(placement.validate());
        let missing = discovery::missing(&placement, &spec.required(), &[], &[]);
        report.show(&problems);
        if problems.iter().any(Problem::is_error) {
            return Ok(None);
        }
        if !missing.is_empty() && !arguments.allow_partial {
            for one in missing {
                say(&format!("missing: {one}"));
            }
            say("the set is not complete; --allow-partial goes on with it");
            return Ok(None);
        }
        return Ok(Some(Machines::Roles { placement, version: None, from_pods: false }));
    }
    let texts = typed.address_texts(|path| std::fs::read_to_string(path));
    let texts = texts.map_err(|error| {
        let source = std::error::Error::source(&error).map(|s| format!(": {s}")).unwrap_or_default();
        InvalidInput(format!(
            "{error}{source} (machines come from -ip, -ipfile, --pods, --from-cluster or --addresses)"
        ))
    })?;
    Ok(Some(Machines::List(texts.join(";"))))
}

/// Options of envgen that place machines have no meaning where machines have roles.
fn only_settings(typed: &EnvgenArgs) -> Result<()> {
    let default = EnvgenArgs::default();
    let mut wrong = Vec::new();
    for (is_given, option) in [
        (!typed.ip_parts.is_empty(), "-ip and -ipfile"),
        (typed.support_nodes != default.support_nodes, "-supportnodes"),
        (typed.roxie_nodes != default.roxie_nodes, "-roxienodes"),
        (typed.thor_nodes != default.thor_nodes, "-thornodes"),
        (typed.esp_nodes != default.esp_nodes, "-espnodes"),
        (!typed.assigned.is_empty(), "-assign_ips"),
    ] {
        if is_given {
            wrong
                .push(format!("{option}: the machines have roles of their own here; leave it out"));
        }
    }
    for (is_given, option, key) in [
        (typed.slaves_per_node != 1, "-slavesPerNode", "thor.NAME.slavesPerNode"),
        (typed.thor_channels_per_slave != 1, "-thorChannelsPerSlave", "thor.NAME.channelsPerSlave"),
        (
            typed.roxie_channels_per_slave != 1,
            "-roxieChannelsPerSlave",
            "roxie.NAME.channelsPerSlave",
        ),
        (!typed.roxie_on_demand, "-roxieondemand", "roxie.NAME.onDemand"),
    ] {
        if is_given {
            wrong.push(format!("{option}: write {key} into an hpcc.yaml (--cluster)"));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(InvalidInput(wrong.join("\n")).into()) }
}

fn options<'a>(arguments: &'a Generate, spec: &'a ClusterSpec) -> Options<'a> {
    Options {
        namespace: arguments.namespace.as_deref(),
        host_names: arguments.host_names,
        spec: Some(spec),
    }
}

fn from_file(arguments: &Generate, path: &Path, spec: &ClusterSpec) -> Result<Found> {
    let pods = file::pods(path, &arguments.cluster_domain)?;
    Ok(discover(&pods, &options(arguments, spec)))
}

fn from_cluster(arguments: &Generate, spec: &ClusterSpec) -> Result<Found> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("failed to start the asynchronous runtime")?;
    runtime.block_on(async {
        let connection =
            live::connect(arguments.kubeconfig.as_deref(), arguments.context.as_deref()).await?;
        let namespace = arguments.namespace.clone().unwrap_or(connection.namespace);
        let options = Options { namespace: Some(&namespace), ..options(arguments, spec) };
        if arguments.wait {
            let wait = live::Wait {
                namespace: &namespace,
                cluster_domain: &arguments.cluster_domain,
                options,
                interval: INTERVAL,
                timeout: Duration::from_secs(arguments.timeout),
            };
            let mut said = String::new();
            let waited = live::wait_until_complete(&connection.client, &wait, |progress| {
                // The same reason is not told again and again.
                let text = progress_text(&progress);
                if text != said {
                    say(&text);
                    said = text;
                }
            });
            let waited = waited.await;
            if let Err(WaitError::Live(error)) = &waited {
                say_what_is_lacking(error, &namespace);
            }
            return Ok(waited?);
        }
        let list = live::list_pods(&connection.client, &namespace, &arguments.cluster_domain);
        let pods =
            tokio::time::timeout(Duration::from_secs(API_SECONDS), list).await.with_context(
                || format!("the API did not list the pods of {namespace} within {API_SECONDS} s"),
            )?;
        if let Err(error) = &pods {
            say_what_is_lacking(error, &namespace);
        }
        Ok(discover(&pods?, &options))
    })
}

/// Tells how an account gets the rights that it lacks.
fn say_what_is_lacking(error: &LiveError, namespace: &str) {
    if matches!(error, LiveError::Forbidden { .. }) {
        say(&format!(
            "an account that may do so: hpcc-envgen --print-rbac -n {namespace} | kubectl apply -f -"
        ));
    }
}

fn progress_text(progress: &live::Progress<'_>) -> String {
    match progress {
        live::Progress::Incomplete(found) => {
            let missing: Vec<String> = found.missing.iter().map(ToString::to_string).collect();
            let problems = found.problems.iter().filter(|p| p.is_error()).map(ToString::to_string);
            format!(
                "waiting: {}",
                missing.into_iter().chain(problems).collect::<Vec<_>>().join("; ")
            )
        }
        live::Progress::Retrying(error) => format!("waiting: {error}"),
    }
}

/// Takes what was found, or says why not.
fn accept(arguments: &Generate, found: Found, report: &Report) -> Option<Machines> {
    let (elsewhere, here): (Vec<_>, Vec<_>) =
        found.left_out.iter().partition(|pod| pod.reason == discovery::Reason::OtherNamespace);
    for pod in here {
        say(&format!("left out: {pod}"));
    }
    match elsewhere.as_slice() {
        [] => {}
        [one] => say(&format!("left out: {one}")),
        many => {
            let names: BTreeSet<&str> = many.iter().map(|pod| pod.namespace.as_str()).collect();
            let names: Vec<&str> = names.into_iter().collect();
            say(&format!(
                "left out: {} pods in other namespaces: {}",
                many.len(),
                names.join(", ")
            ));
        }
    }
    report.show(&found.problems);
    if found.problems.iter().any(|problem| problem.code == "mixed-namespaces") {
        say("choose the namespace with -n");
    }
    let mut problems = found.placement.validate();
    if found.problems.iter().any(Problem::is_error) {
        problems.clear();
    }
    report.show(&problems);
    if found.problems.iter().chain(&problems).any(Problem::is_error) {
        return None;
    }
    if !found.missing.is_empty() {
        for one in &found.missing {
            say(&format!("missing: {one}"));
        }
        if !arguments.allow_partial {
            let wait = if arguments.from_cluster { ", --wait waits for it" } else { "" };
            say(&format!("the set of pods is not complete; --allow-partial goes on with it{wait}"));
            return None;
        }
    }
    Some(Machines::Roles { placement: found.placement, version: found.version, from_pods: true })
}

/// The catalogue for a version, with a warning when there is only a near one.
pub(crate) fn catalogue(version: &str) -> Result<&'static Catalogue> {
    let found = Catalogue::for_version(version).ok_or_else(|| {
        InvalidInput(format!(
            "--hpcc-version: {version} is no version; expected 7.2, 7.2.20-1, 10, ..."
        ))
    })?;
    if !found.exact {
        say(&format!(
            "warning: there is no catalogue for HPCC {version}; the nearest, {}, is used",
            found.catalogue.version
        ));
    }
    Ok(found.catalogue)
}

/// The catalogue: of `--hpcc-version`, else of hpcc.yaml, else of the pods' images, else the newest.
pub(crate) fn version(
    arguments: &Generate,
    spec: &ClusterSpec,
    machines: &Machines,
) -> Result<&'static Catalogue> {
    let of_pods = match machines {
        Machines::Roles { version, .. } => version.as_ref(),
        Machines::List(_) => None,
    };
    let by_pods = matches!(machines, Machines::Roles { from_pods: true, .. });
    if by_pods && arguments.hpcc_version.is_none() && spec.version.is_none() && of_pods.is_none() {
        say(&format!(
            "the images of the pods name no version of HPCC: the newest known, {}, is used (--hpcc-version sets another)",
            Catalogue::newest().version
        ));
    }
    let wanted = arguments.hpcc_version.clone();
    let wanted = wanted.or_else(|| spec.version.as_ref().or(of_pods).map(ToString::to_string));
    wanted.map_or_else(|| Ok(Catalogue::newest()), |version| catalogue(&version))
}

/// Prints what the account of `--from-cluster` needs.
pub(crate) fn print_rbac(arguments: &Generate) -> Result<Exit> {
    let namespace = arguments.namespace.as_deref().unwrap_or("default");
    let text =
        discovery::rbac(namespace, ACCOUNT).map_err(|error| InvalidInput(error.to_string()))?;
    file::print(&text)?;
    Ok(Exit::Ok)
}
