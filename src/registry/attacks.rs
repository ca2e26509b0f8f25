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
//! | a document is a manifest to one and an index to another | CVE-2021-41190 | `a_manifest_that_lies_about_its_type_is_refused`, `a_manifest_that_docker_would_read_as_another_is_refused` |
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
//! | a part of a blob that is another one, or packed once more |  | `partial_answers_that_lie_are_refused`, `packed_blobs_are_taken_as_they_are_whatever_encoding_is_claimed` |
//! | cookies, to be told from others later | harbor (dotnet/sdk#37221) | `no_cookie_comes_back` |
//! | words without an end |  | `endless_words_are_cut_and_read_in_one_pass`, `an_endless_refusal_is_cut_short` |
//! | a login that is open to all at `/v2/`, hidden, stale, or of two schemes | zot#1917, containerd#3291, harbor#18856 | `a_wrong_password_is_told_where_the_door_is_open_to_all`, `what_is_hidden_from_strangers_is_shown_to_whoever_has_a_login`, `a_token_server_that_denies_a_stored_login_says_that_it_may_be_stale`, `another_scheme_than_the_one_just_shown_is_tried_once` |
//! | anything at all in a challenge, a Link, a Location, a range, a token, a refusal |  | `challenges_are_read_and_print_as_what_was_read`, `a_list_goes_on_where_it_began_whatever_its_link_says`, `no_location_leads_nearer_or_out_of_encryption`, `ranges_and_waits_are_read_without_a_slip`, `no_token_server_makes_a_token_last_for_ever`, `refusals_steer_no_terminal_and_show_no_secret` |
//!
//! # Archives, layouts and stores of others
//! | attack | seen as | tests |
//! | --- | --- | --- |
//! | folders that are links, to be swept | CVE-2024-9676 | `a_folder_that_is_a_link_is_refused_and_nothing_behind_it_is_touched`, `a_folder_is_not_opened_through_a_link_and_a_link_in_it_is_no_file`, `only_names_of_rdock_s_own_making_are_removed` |
//! | notes and locks that are links |  | `a_file_that_is_a_link_is_neither_read_nor_written` |
//! | a store that others own or may write to | git, ssh | `a_folder_that_others_own_or_may_write_to_is_no_store`, `a_store_that_everybody_may_write_to_is_refused` |
//! | pipes, devices and sockets, to be waited for |  | `links_pipes_devices_and_folders_are_refused_and_not_waited_for`, `pipes_in_a_store_are_not_waited_for` |
//! | files larger than memory |  | `what_is_longer_than_memory_is_refused_before_it_is_read`, `a_bomb_does_not_grow_in_memory`, `a_size_that_no_disk_has_is_refused_before_anything_is_written` |
//! | the same layer, manifest or name a hundred thousand times |  | `an_image_with_ten_thousand_names_is_read_once`, `a_layer_that_is_listed_many_times_is_unpacked_once`, `children_that_are_listed_many_times_are_read_once`, `nothing_is_nested_or_repeated_without_an_end` |
//! | many manifests, each as large as one may be |  | `many_large_manifests_take_no_more_memory_than_few` |
//! | links, sparse files, devices and names that lead out | CVE-2014-9356 | `names_that_lead_out_of_an_archive_are_refused`, `links_stay_in_the_archive`, `names_and_their_number_have_limits` |
//! | a diff ID that is not that of its layer | CVE-2014-8178 | `a_layer_that_does_not_unpack_to_its_diff_id_is_found_with_the_image_that_says_so`, `what_a_config_says_of_its_layers_must_be_true` |
//! | labels, tags and keys of maps that steer the terminal |  | `values_cannot_steer_the_terminal_but_templates_can`, `no_key_of_a_map_steers_the_terminal`, `nothing_that_steers_a_terminal_passes` |
//! | anything at all in an archive, a layer, a manifest, a config, an index, config.json, daemon.json |  | `an_archive_that_is_damaged_is_refused_or_right`, `a_manifest_json_names_what_is_in_its_archive`, `an_index_json_names_what_is_in_its_archive`, `a_layer_is_measured_within_its_limits`, `manifests_are_what_they_say_or_are_refused`, `configs_are_read_by_all_who_read_them`, `what_stands_in_an_index_is_written_again_as_it_was`, `a_login_changes_nothing_else_in_config_json`, `what_a_helper_answers_is_a_login_or_nothing`, `a_daemon_json_is_read_or_named_in_a_warning` |
//!
//! # The line, the disk, the process
//! | what happens | | tests |
//! | --- | --- | --- |
//! | the first request meets a reset, an end or silence | 56 of 61 failures on a bad line | `a_first_request_that_is_cut_off_is_sent_again`, `a_first_request_that_meets_silence_is_sent_again`, `a_host_that_only_hangs_up_is_tried_three_times` |
//! | streams that break off, lie, or give other parts |  | `each_missing_byte_comes_once_and_at_its_place`, `one_stream_brings_a_blob_in_its_order`, `a_cut_download_resumes_where_it_ended`, `a_stalled_download_reconnects_and_goes_on` |
//! | a full disk |  | `a_full_disk_lets_images_be_removed`, `a_full_disk_lets_images_be_removed_beside_another_job`, `what_interrupted_transfers_left_can_be_freed_alone`, `a_full_disk_is_said_with_its_folder_and_the_pull_resumes_when_there_is_room`, `a_full_disk_is_said_and_nothing_is_left_of_the_load_or_the_save`, `a_full_disk_under_serve_is_an_answer_and_loses_nothing` |
//! | a disk that takes no notes |  | `an_image_that_is_whole_is_pulled_though_nothing_can_be_noted_of_it` |
//! | a power cut |  | `what_exists_nowhere_else_outlasts_a_power_cut`, `what_exists_nowhere_else_is_waited_for_and_not_noted`, `a_power_cut_after_a_pull_costs_a_pull_at_most`, `processes_that_come_at_once_after_a_power_cut_agree` |
//! | a closed output, a reader that leaves |  | `closed_streams_hurt_nobody`, `a_reader_that_has_had_enough_ends_save_without_a_word`, `a_full_disk_behind_stdout_is_told` |
//! | a kill in a save, a load, a removal, a push |  | `what_a_killed_one_left_goes_with_the_next_and_what_others_own_stays`, `a_load_that_is_killed_leaves_nothing_that_can_be_seen_and_the_next_one_clears_up`, `what_could_not_be_freed_goes_with_the_next_command_that_frees`, `a_kill_in_a_push_leaves_nothing_half_visible_and_the_push_goes_on`, `a_hundred_kills_cost_no_byte_twice` |
//! | `manifest create` that is refused or killed half-way |  | `a_refused_image_leaves_the_list_as_it_was`, `a_killed_step_leaves_the_list_as_it_was` |
//! | 501, 505, 507 or 508 for a manifest |  | `a_server_in_trouble_is_not_one_that_does_not_take_the_type` |
//! | an error of a file, without its name |  | `a_failure_names_the_file`, `an_error_says_which_file_it_is_about_and_keeps_its_kind_and_number` |
//! | a lock that another holds |  | `a_lock_that_is_waited_for_is_told_with_its_holder_and_timeout_ends_the_wait`, `the_process_that_holds_a_lock_is_read_from_the_system_s_list`, `ctrl_c_ends_a_pull_that_waits_for_another_rdock` |
//! | several writers at one index |  | `changes_of_several_writers_at_one_base_all_stay`, `fifty_pulls_into_one_store_lose_nothing`, `an_index_survives_any_number_of_kills` |
