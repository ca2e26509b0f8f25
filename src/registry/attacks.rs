//! What was done to clients like this one, and the test that shows what comes of it here.
//!
//! | attack | seen as | tests |
//! | --- | --- | --- |
//! | a redirect to another host, port or scheme is to be followed with the login | CVE-2020-15157, oras-go GHSA-vh4v-2xq2-g5cg | `a_password_does_not_follow_a_redirect_to_another_origin`, `a_redirect_to_plain_http_is_refused` |
//! | the realm is another host's, plain HTTP, a file, inside the network, or has a login in it | CVE-2026-48978, go-containerregistry#2193 | `a_token_server_of_someone_else_sees_no_password`, `an_unsafe_realm_is_not_asked_at_all`, `realms_of_other_kinds_are_refused` |
//! | the token server sends the password on | CVE-2026-48978 | `a_token_server_that_redirects_leads_no_password_away`, `a_login_shows_the_password_to_no_foreign_token_server` |
//! | a tenant of a shared domain asks for another tenant's password | | `passwords_stay_with_the_owner` |
//! | an upload is to go to another host, inside the network, or without encryption | CVE-2026-50151 | `a_password_does_not_follow_an_upload_to_another_origin`, `an_upload_is_not_sent_without_encryption_nor_into_the_inner_network` |
//! | a redirect or a name leads inside the network, or to a cloud's metadata | regclient's `AllowRedirect` | `a_redirect_into_the_inner_network_is_refused`, `every_spelling_of_an_address_has_the_zone_of_what_it_leads_to`, `a_name_that_leads_nearer_than_its_registry_is_not_connected_to`, `a_registry_names_nothing_that_is_nearer_than_itself` |
//! | redirects without an end | | `redirects_in_a_circle_come_to_an_end`, `redirects_without_an_end_come_to_one` |
//! | a layer's `urls` lead elsewhere | CVE-2020-15157 | `a_layer_that_lies_elsewhere_is_not_fetched_from_there` |
//! | a document is a manifest to one and an index to another | CVE-2021-41190 | `a_manifest_that_lies_about_its_type_is_refused` |
//! | another manifest than the pinned one | regclient GHSA-qv35-3gw6-8q4j | `another_manifest_than_the_pinned_one_is_refused`, `a_child_that_is_not_the_one_its_index_lists_is_refused`, `a_config_that_is_not_the_one_its_manifest_lists_is_refused`, `a_tag_whose_digest_is_not_that_of_its_bytes_is_refused` |
//! | a digest that is a path or a URL | CVE-2024-3727 | `a_hostile_digest_becomes_neither_a_path_nor_a_url`, `nothing_that_could_leave_a_folder_or_a_url_is_a_digest` |
//! | bodies, heads and lists without an end; sizes that no memory has | CVE-2020-1702, oras GHSA-f36w-mj3v-6jqv | `an_endless_manifest_is_refused`, `an_endless_token_is_refused`, `an_endless_refusal_is_cut_short`, `a_blob_without_an_end_is_cut_short`, `pages_without_an_end_come_to_one`, `referrers_without_an_end_come_to_one`, `an_absurd_size_is_an_error_and_no_allocation`, `heads_without_an_end_come_to_one`, `a_bomb_does_not_grow_in_memory` |
//! | a document that drips, a server that says nothing | | `a_document_that_drips_is_given_up`, `a_first_request_that_meets_silence_is_sent_again` |
//! | a header line or a URL that the HTTP library cannot bear | | `a_header_longer_than_any_server_s_is_refused_and_named`, `an_upload_is_led_to_no_url_longer_than_any_server_s`, `a_url_longer_than_any_server_s_is_refused_without_being_shown` |
//! | framing that means two things, numbers that no type has | | `bodies_framed_by_nonsense_are_refused`, `token_answers_of_every_shape_end_well`, `waits_of_years_are_not_begun` |
//! | an archive that leads out of its folder | CVE-2014-6407, CVE-2014-9356, CVE-2021-21272 | `names_that_lead_out_of_an_archive_are_refused`, `an_archive_that_means_two_things_at_once_is_refused` |
//! | a blob or a layer that is not its name | CVE-2014-8178 | `a_blob_that_is_not_its_name_is_refused`, `what_a_config_says_of_its_layers_must_be_true` |
//! | https that fails is to end as http | CVE-2014-5277 | `a_refused_or_broken_https_does_not_lead_to_http`, `a_host_is_never_spoken_to_without_encryption_unasked` |
//! | loopback for one of a name's addresses; someone else on the port of a verified registry | | `one_address_elsewhere_is_enough_to_be_verified`, `a_host_with_an_authority_of_its_own_is_asked_over_verified_tls_only` |
//! | a login goes to the wrong registry when a helper fails | CVE-2021-41092 | `a_login_that_the_helper_cannot_keep_is_kept_nowhere`, `a_helper_that_fails_on_pull_is_named_and_the_pull_goes_on_without_a_login` |
//! | a helper's name is a path or a command | CVE-2019-15752 | `the_name_of_a_helper_cannot_be_a_path` |
//! | secrets in logs, errors, arguments; a server that repeats them | | `no_flow_shows_a_secret`, `no_token_server_s_secret_is_shown`, `a_url_is_shown_without_what_gives_access`, `a_signed_url_is_not_shown_when_it_leads_nowhere`, `what_a_server_repeats_of_a_login_is_not_shown`, `the_password_is_in_no_output_no_argument_and_no_other_file` |
//! | config.json is read by others, cut off, or written by two | | `new_files_are_0600_and_new_folders_0700`, `a_login_killed_at_any_moment_leaves_a_whole_file`, `eight_logins_at_once_are_all_kept`, `a_symbolic_link_stays_one_and_may_lead_to_nothing` |
//! | a server's words steer the terminal | | `a_refusal_cannot_steer_the_terminal`, `a_hostile_server_cannot_steer_the_terminal`, `a_server_cannot_steer_the_terminal_through_an_error` |
//! | a tag moves between two requests | | `a_cold_pull_asks_for_the_manifest_the_config_and_the_layers_once` |
//! | a store whose folders or files are links | CVE-2024-9676 | `a_folder_that_is_a_link_is_refused_and_nothing_behind_it_is_touched`, `a_file_that_is_a_link_is_neither_read_nor_written` |
//! | one switch turns all checks off | nerdctl's `--insecure-registry` | `insecure_is_not_for_the_hub`, `daemon_json_names_insecure_hosts_with_their_port`, `daemon_json_names_insecure_networks` |
//! | a login wall answers in the registry's place | moby#38662 | `behind_a_login_wall_nothing_is_pushed_copied_or_removed`, `a_login_behind_a_wall_or_at_a_web_server_is_refused_and_not_kept` |
//! | a proxy refuses, hangs up or talks nonsense | | `a_proxy_that_refuses_or_hangs_up_is_told_so` |
