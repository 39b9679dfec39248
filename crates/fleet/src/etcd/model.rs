//! What an action will do: the same members, in the head.

use std::collections::BTreeMap;

use etcd::rules::{quorum, same_url};
use etcd::{Member, View};
use node_bootstrap::agent::{EtcdRequest, ManifestPlace};

use super::{Action, Situation, Standing, What};

/// The number of a member that etcd will number.
const NEW: &str = "(new)";

impl Situation {
    /// What it will be after an action, if nothing else happens.
    #[must_use]
    pub fn after(&self, action: &Action) -> Self {
        let mut new = self.clone();
        let unseen = self.unseen();
        if let What::Ask(request) = &action.what {
            new.change(&action.host, request);
        }
        new.settle(&unseen);
        new
    }

    /// What it will be when the members have had time.
    #[must_use]
    pub fn after_waiting(&self) -> Self {
        let mut new = self.clone();
        new.settle(&self.unseen());
        new
    }

    fn change(&mut self, host: &str, request: &EtcdRequest) {
        match request {
            EtcdRequest::Snapshot { .. } | EtcdRequest::CanRestore { .. } => {}
            EtcdRequest::Remove { id, .. } => self.each_list(host, |members| {
                members.retain(|member| member.id != *id);
            }),
            EtcdRequest::AddLearner { peer_url, .. } => self.each_list(host, |members| {
                members.push(Member {
                    id: format!("{NEW} {peer_url}"),
                    peer_urls: vec![peer_url.clone()],
                    learner: true,
                    ..Member::default()
                });
            }),
            EtcdRequest::Promote { id, .. } => {
                self.each_list(host, |members| {
                    for member in members.iter_mut().filter(|member| member.id == *id) {
                        member.learner = false;
                    }
                });
                for host in &mut self.hosts {
                    let view = host.here.as_mut().ok().and_then(|here| here.view.as_mut());
                    if let Some(view) = view.filter(|view| view.member == *id) {
                        view.learner = false;
                    }
                }
            }
            EtcdRequest::HandOver { to } => {
                let cluster = self.host(host).and_then(|host| host.view());
                let cluster = cluster.map(|view| view.cluster.clone());
                for view in self.views_mut().filter(|view| Some(&view.cluster) == cluster.as_ref())
                {
                    view.leader = Some(to.clone());
                }
            }
            EtcdRequest::Start { initial_cluster, .. } => self.start(host, initial_cluster),
            here_only => self.change_here(host, here_only),
        }
    }

    fn change_here(&mut self, host: &str, request: &EtcdRequest) {
        let Some(here) = self.here_mut(host) else { return };
        match request {
            EtcdRequest::Park => {
                here.manifest = ManifestPlace::Parked;
                here.view = None;
            }
            EtcdRequest::PutDataAway { keep } => {
                here.has_kept_data |= here.has_data && *keep;
                here.has_old_data |= here.has_data && !*keep;
                here.has_data = false;
            }
            EtcdRequest::DropOldData => here.has_old_data = false,
            EtcdRequest::Restore { .. } => here.has_data = true,
            EtcdRequest::ApiServer { servers } => here.api_server.clone_from(servers),
            _ => {}
        }
    }

    /// A member starts: as the one that the others wait for, or as one of a restored cluster.
    fn start(&mut self, host: &str, initial_cluster: &[String]) {
        let known = match self.standing() {
            Standing::Agreed(agreed) => Some((agreed.cluster, agreed.members, agreed.leader)),
            _ => None,
        };
        let revision = self.revision().unwrap_or_default();
        let Some(here) = self.here_mut(host) else { return };
        let restored = || {
            let members = initial_cluster.iter().filter_map(|entry| entry.split_once('='));
            let members = members.map(|(name, url)| Member {
                id: format!("(restored) {name}"),
                name: name.to_owned(),
                peer_urls: vec![url.to_owned()],
                ..Member::default()
            });
            ("(restored)".to_owned(), members.collect::<Vec<_>>(), None)
        };
        let restarts = here.has_data;
        here.manifest = ManifestPlace::InPlace;
        here.has_data = true;
        let (cluster, members, leader) = match known {
            Some(known) if !restarts || known.0 == "(restored)" => known,
            _ => restored(),
        };
        let own = here.peer_url.clone();
        let Some(member) = members
            .iter()
            .find(|member| member.peer_urls.iter().any(|url| same_url(url, &own)))
            .cloned()
        else {
            return;
        };
        here.silence = None;
        here.view = Some(View {
            cluster: cluster.clone(),
            member: member.id.clone(),
            learner: member.learner,
            leader,
            revision,
            members,
            ..View::default()
        });
        let (name, client_url) = (here.name.clone(), here.client_url.clone());
        for view in self.views_mut().filter(|view| view.cluster == cluster) {
            for known in view.members.iter_mut().filter(|known| known.id == member.id) {
                known.name.clone_from(&name);
                known.client_urls = vec![client_url.clone()];
            }
        }
    }

    fn views_mut(&mut self) -> impl Iterator<Item = &mut View> {
        self.hosts.iter_mut().filter_map(|host| host.here.as_mut().ok()?.view.as_mut())
    }

    /// Changes the list of members that the cluster of a host has.
    fn each_list(&mut self, host: &str, change: impl Fn(&mut Vec<Member>)) {
        let Some(cluster) =
            self.host(host).and_then(|host| host.view()).map(|view| view.cluster.clone())
        else {
            return;
        };
        for view in self.views_mut().filter(|view| view.cluster == cluster) {
            change(&mut view.members);
        }
    }

    /// How many voting members of each cluster must be healthy on hosts that say nothing, as it has a quorum.
    fn unseen(&self) -> BTreeMap<String, usize> {
        let sides = self.sides();
        let count = sides.iter().filter_map(|(cluster, views)| {
            let (_, view) = views.iter().find(|(_, view)| view.healthy && !view.learner)?;
            let voters = view.members.iter().filter(|member| !member.learner);
            let alive = voters.clone().filter(|m| views.iter().any(|(_, v)| v.member == m.id));
            let missing = quorum(voters.clone().count()).saturating_sub(alive.count());
            Some(((*cluster).to_owned(), missing))
        });
        count.collect()
    }

    /// The members of each cluster. A learner does not tell of any.
    fn lists(&self) -> BTreeMap<String, Vec<Member>> {
        let sides = self.sides();
        let lists = sides.iter().filter_map(|(cluster, views)| {
            let full = views.iter().filter(|(_, view)| !view.members.is_empty());
            let (_, view) = full.max_by_key(|(_, view)| (view.healthy, view.revision))?;
            Some(((*cluster).to_owned(), view.members.clone()))
        });
        lists.collect()
    }

    /// Members that are out end; those that are enough are healthy, and one of them leads.
    fn settle(&mut self, unseen: &BTreeMap<String, usize>) {
        let lists = self.lists();
        for host in &mut self.hosts {
            let Ok(here) = &mut host.here else { continue };
            let out = here.view.as_ref().is_some_and(|view| {
                let list = lists.get(&view.cluster);
                list.is_some_and(|list| !list.iter().any(|member| member.id == view.member))
            });
            if out {
                here.view = None;
                here.silence = Some("it was taken out of the cluster".to_owned());
            }
        }
        let mut fates = BTreeMap::new();
        for (cluster, views) in self.sides() {
            let Some(members) = lists.get(cluster) else { continue };
            let voters: Vec<&Member> = members.iter().filter(|member| !member.learner).collect();
            let known_leader = views.iter().find_map(|(_, view)| view.leader.as_ref());
            let mut alive =
                voters.iter().filter(|m| views.iter().any(|(_, view)| view.member == m.id));
            let unseen = unseen.get(cluster).copied().unwrap_or_default();
            let healthy = alive.clone().count() + unseen >= quorum(voters.len());
            let seen = |id: &String| {
                self.hosts.iter().any(|host| {
                    host.here.is_ok() && members.iter().any(|m| m.id == *id && host.owns(m))
                })
            };
            let leads = |id: &&String| {
                voters.iter().any(|member| member.id == **id)
                    && (!seen(id) || views.iter().any(|(_, view)| view.member == **id))
            };
            let leader = known_leader.filter(leads).cloned();
            let leader = leader.or_else(|| alive.next().map(|member| member.id.clone()));
            fates.insert(cluster.to_owned(), (healthy, leader.filter(|_| healthy)));
        }
        for view in self.views_mut() {
            if let Some((healthy, leader)) = fates.get(&view.cluster) {
                view.healthy = *healthy && view.alarms.is_empty();
                view.leader.clone_from(leader);
                if *healthy {
                    view.complaints.clear();
                }
            }
        }
    }
}
