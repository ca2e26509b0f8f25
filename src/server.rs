//! A registry over the local store: the OCI distribution spec 1.1, docker's catalog and its old search.
//!
//! Connections come in by [`http`]; [`auth`] says who may do what; a request becomes a route and goes to the file of its
//! noun in [`api`]; and what is kept is kept by a [`backing`], the local store.
//!
//! Every repository path is a name of the store: `/v2/nginx` and `/v2/library/nginx` are `docker.io/library/nginx`,
//! `/v2/quay.io/a/b` is `quay.io/a/b`. Blobs belong to the store as a whole: one that is here for any name need not be
//! sent again for another.
//!
//! Where somebody may see one repository and not another, by `--rights` or by tokens, a blob is shown, mounted and named
//! in those repositories alone that have it.
//!
//! A manifest whose descriptors lie about the size of a blob that is here is refused, as is one that lacks a blob, or an
//! index that lies deeper or is larger than an image may be: whoever pulled it would find out too late.
//!
//! <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md>
//!
//! # Attacks, and the tests that hold them off
//! | attack, or slip | test |
//! | --- | --- |
//! | indexes without end: nested, or the same child many times | `an_index_that_lies_too_deep_is_refused` `a_child_that_is_listed_many_times_is_looked_through_once` |
//! | heads that do not end, a byte now and then | `a_head_that_does_not_come_to_its_end_is_answered_with_408` |
//! | bodies that trickle | `a_body_that_trickles_is_answered_with_408_though_it_is_never_silent` |
//! | clients that take nothing, or a byte now and then | `a_client_that_takes_a_byte_now_and_then_is_let_go` |
//! | thousands of idle connections, all of one peer | `idle_connections_give_way_to_who_asks` `who_asks_nothing_gives_way_and_who_is_busy_does_not` |
//! | thousands that read nothing of what they asked for, from two addresses | `who_stands_still_gives_way_to_who_holds_less` |
//! | manifests by the hundred that do not come to their end | `manifests_that_do_not_come_to_their_end_take_no_more_memory_than_there_is_room_for` `no_peer_takes_all_and_what_ends_makes_room` |
//! | heads that are no HTTP, chunks and lengths that no client sends | `what_cannot_be_read_is_refused_as_everything_else_is` `odd_bodies_are_taken_or_refused_and_none_is_waited_for` |
//! | upload sessions by the thousand | `one_peer_does_not_take_all_uploads` `an_upload_that_nobody_sends_to_holds_no_file_and_goes_on` |
//! | a slow disk, or much to read | `who_needs_no_content_does_not_wait_for_who_does` `who_waits_for_a_lock_keeps_no_reader_waiting` |
//! | memory: large manifests, many blobs, many tokens | `what_is_asked_for_stays_and_the_rest_takes_no_more_than_it_may` `the_oldest_are_forgotten_and_what_is_said_again_is_not` `tokens_take_no_more_than_they_may` |
//! | answers without end | `a_long_list_of_referrers_comes_in_pages_that_join_to_the_whole` |
//! | one Content-Length and another, chunks beside it, two Hosts | `what_a_proxy_could_read_otherwise_is_refused_or_ends_the_connection` |
//! | bodies that look like requests | `requests_in_a_row_are_each_answered_and_none_is_made_of_a_body` |
//! | `..`, encoded slashes, digests of other algorithms | `paths_and_digests_that_lead_elsewhere_are_refused` `what_a_hostile_client_writes_gets_a_code_of_the_spec` |
//! | tags too long or too many, manifests too large | `a_tag_has_at_most_128_characters` `a_manifest_of_more_than_4_mib_is_refused` |
//! | two clients that end one upload, or one that sends again | `of_two_that_finish_one_upload_one_succeeds` `a_client_that_was_cut_off_sends_all_again_or_goes_on_where_it_is_told` |
//! | somebody else's upload | `an_upload_belongs_to_its_repository_and_keeps_its_order` |
//! | deleting what is another repository's | `a_blob_is_deleted_from_its_own_repository_alone` `a_blob_that_another_repository_has_mounted_or_names_stays` |
//! | another process that frees what a push counts on | `another_process_frees_what_is_old_and_spares_what_a_client_has_yet_to_name` |
//! | a sweep while a push counts on blobs | `content_is_held_for_those_who_rely_on_it_and_let_go_for_other_processes` |
//! | a repository that one may not see: by its blobs, a mount, a manifest | `a_blob_is_shown_mounted_and_named_where_it_may_be_pulled_alone` |
//! | the same by another spelling, a list, a token | `another_spelling_of_a_name_opens_nothing` `lists_name_what_the_user_may_pull` `tokens_carry_no_more_than_the_rights_and_the_scopes` |
//! | users and rights that were taken away | `rights_that_change_hold_at_once_and_a_broken_file_allows_nothing` `a_file_that_breaks_or_goes_lets_nobody_in_and_the_log_says_why` |
//! | guessing names by time, passwords that bcrypt cuts | `who_is_not_in_the_file_costs_as_much_as_the_costliest` `a_password_that_bcrypt_would_cut_is_no_password` |
//! | pages of other sites: forms, DNS rebinding, types that are guessed | `a_page_of_another_site_reaches_no_registry_without_a_password` `clients_are_answered_as_dockers_registry_answers_them` |
//! | own images that anybody could change | `the_own_images_are_served_to_be_read_unless_told_otherwise` |
//! | passwords in the log | `only_users_in_the_file_get_in` |
//! | a blob that one repository deletes and another has just been sent | `another_process_frees_no_blob_that_a_push_counts_on` `what_one_repository_deletes_the_other_keeps` `a_child_of_an_index_can_be_deleted_and_the_index_stays` |
//! | beside `serve` nothing is freed, or too much | `what_nobody_fetches_is_freed_beside_a_job` `a_job_under_way_keeps_every_blob` `what_was_too_young_for_a_long_sweep_is_left_to_the_next_one` |
//! | plain HTTP at the TLS port | `who_speaks_http_to_https_is_told_so` `over_tls_a_stalled_handshake_is_closed_and_a_stalled_head_answered` |
//! | `tags/list?n=` without a number, lists page by page | `bounds_that_make_no_sense_are_refused` `pages_join_to_the_sorted_list` |
//! | sizes that a manifest gives wrong | `what_a_manifest_says_of_sizes_and_what_is_no_manifest_is_found` `a_manifest_needs_all_its_blobs_and_each_that_is_missing_is_named` |
//! | an address of this machine that a name has beside its own | `localhost_is_served_at_both_of_its_addresses` `on_loopback_only_own_names_are_taken` `a_public_address_is_warned_about_as_far_as_it_is_open` |
//! | anything at all in a path, a query, a range, a file of users or of rights | `a_path_is_a_name_and_a_version_or_nothing` `a_part_never_leaves_the_whole` `a_file_of_users_is_read_as_a_whole_or_not_at_all` `a_file_of_rights_gives_nobody_more_than_its_lines` |

mod api;
mod auth;
mod backing;
mod http;

use std::rc::Rc;
use std::time::Duration;

use tokio::task::{LocalSet, spawn_local};
use tokio::time::sleep;

use crate::error::Result;
use crate::registry::Registry;

use api::Api;
use api::repository_names::RepositoryNames;
use api::state::State;
use api::upload_sessions::UploadSessions;
use api::upstream::Upstream;
use auth::access::Access;
use backing::{Chosen, OffThread};
use http::connection::Connections;

pub use auth::Users;
pub use backing::Root;
pub use http::{Identity, Listener, Log, SelfSigned, Timeouts, bind, raise_open_files, self_signed};

/// How the registry behaves.
#[derive(Default)]
pub struct Options {
    /// Nothing can be pushed or deleted.
    pub is_read_only: bool,
    /// The users who may come in, and to what.
    pub users: Users,
    /// The registry that images come from which are not here.
    pub upstream: Option<Registry>,
    /// Whether `/metrics` is there.
    pub has_metrics: bool,
    /// How long what nothing names is kept.
    pub kept_for: Option<Duration>,
    /// How long a client may take.
    pub timeouts: Timeouts,
    /// Takes the lines of the access log and what went wrong.
    pub log: Option<Log>,
}

/// How long a blob may wait for its manifest, and an upload for its next piece.
const KEPT_FOR: Duration = Duration::from_hours(1);

/// One registry. It answers on the thread it was made on.
pub struct Server {
    api: Api<Chosen>,
    timeouts: Timeouts,
}

impl Server {
    /// The registry over this root, which is made if need be, unless nothing is to be written.
    pub fn new(root: Root, options: Options) -> Result<Rc<Self>> {
        let chosen = if options.is_read_only {
            Chosen::read_only(root)?
        } else {
            Chosen::writable(root)?
        };
        let store = OffThread::new(chosen);
        let kept_for = options.kept_for.unwrap_or(KEPT_FOR);
        let log = options.log.unwrap_or_else(|| Rc::new(|_| {}));
        let access = Access::new(options.users, &log)?;
        let names = options
            .upstream
            .as_ref()
            .map_or_else(RepositoryNames::of_hub, |registry| {
                RepositoryNames::of(registry.domain())
            });
        let is_writable = !options.is_read_only && options.upstream.is_none();
        let upstream = options.upstream;
        let upstream = upstream.map(|registry| Upstream::new(registry, store.clone(), Rc::clone(&log)));
        let state = State {
            upstream,
            is_writable,
            is_divided: access.is_divided(),
            ..State::new(store.clone(), names, kept_for)
        };
        Ok(Rc::new(Self {
            api: Api {
                state,
                sessions: UploadSessions::new(store, kept_for, options.timeouts.body),
                access,
                metrics: Rc::default(),
                has_metrics: options.has_metrics,
                bodies: Rc::default(),
                silence: options.timeouts.body,
                log,
            },
            timeouts: options.timeouts,
        }))
    }

    /// Serves until `stop` is ready, then lets answers that are under way finish for some seconds.
    pub async fn serve(self: Rc<Self>, listener: Listener, identity: Option<Identity>, stop: impl Future<Output = ()>) {
        let answering = Rc::clone(&self);
        let is_loopback = listener.local_addr().is_ok_and(|address| address.ip().is_loopback());
        let connections = Rc::new(Connections {
            answer: async move |request| answering.api.answer(request, is_loopback).await,
            timeouts: self.timeouts,
            log: Rc::clone(&self.api.log),
            metrics: Rc::clone(&self.api.metrics),
        });
        let serving = async {
            let housekeeping = spawn_local(self.keep_house());
            connections.serve(listener, identity, stop).await;
            housekeeping.abort();
        };
        LocalSet::new().run_until(serving).await;
    }

    /// Frees what nobody names, from time to time.
    async fn keep_house(self: Rc<Self>) {
        let Api { state, sessions, .. } = &self.api;
        let retention = &state.retention;
        if !state.is_writable && state.upstream.is_none() {
            return;
        }
        loop {
            sleep(retention.pace()).await;
            sessions.expire();
            if sessions.has_writer() {
                retention.keep();
            }
            retention.let_go();
            match retention.collect().await {
                Ok(freed) => self.api.metrics.freed(freed.unwrap_or_default()),
                Err(e) => (self.api.log)(&format!("error: freeing blobs: {e}")),
            }
        }
    }
}
