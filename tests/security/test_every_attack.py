"""Every attack that is known, and the tests that show how it fails; a test that is gone is missed here."""

from __future__ import annotations

import re

import pytest

from tests.serving import ROOT

ATTACKS = {
    "scripts of other servers in our name: Gradio's /file=http and /proxy=": [
        "tests/security/test_gradios_routes.py::test_no_other_server_speaks_in_our_name",
        "tests/ui/http/test_middleware.py::test_only_what_is_needed_is_open",
    ],
    "spending and reading from another site's page": [
        "tests/security/test_other_sites.py::test_it_reads_nothing_and_makes_nothing",
        "tests/security/test_other_sites.py::test_a_page_without_tls_behind_a_proxy_is_no_other_sites",
        "tests/ui/http/test_middleware.py::test_another_site_changes_nothing",
        "tests/ui/http/test_middleware.py::test_a_signed_in_session_is_invisible_to_another_site",
    ],
    "a name of another site that is led here": [
        "tests/security/test_other_sites.py::test_a_name_that_is_led_here_reaches_nothing",
        "tests/ui/http/test_middleware.py::test_another_name_that_leads_here_reaches_nothing",
    ],
    "clicks in a page that another site has in a frame": [
        "tests/security/test_other_sites.py::test_only_the_hub_has_a_space_in_a_frame",
        "tests/security/test_other_sites.py::test_nobody_has_a_limner_at_home_in_a_frame",
        "tests/ui/http/test_abuse.py::test_another_site_cannot_show_the_page_in_a_frame",
    ],
    "markup in prompts, providers' texts, errors, names of files and titles": [
        "tests/ui/page/test_hostile_texts.py::test_a_hostile_prompt",
        "tests/ui/page/test_hostile_texts.py::test_a_hostile_provider",
        "tests/ui/page/test_hostile_texts.py::test_a_hostile_word_in_the_composers_error",
        "tests/ui/page/test_hostile_texts.py::test_a_hostile_banner",
        "tests/ui/page/test_inputs.py::test_names_of_files_stay_text",
        "tests/ui/page/test_uploads.py::test_what_is_no_picture_is_said_and_the_others_stay",
        "tests/ui/page/test_conversations.py::test_it_can_be_renamed",
        "tests/ui/http/test_archives.py::test_a_conversation_comes_back_as_it_was",
        "tests/ui/http/test_middleware.py::test_every_answer_has_the_whole_policy",
    ],
    "SVG or HTML that poses as a picture": [
        "tests/ui/http/test_uploads.py::test_what_is_no_whole_picture_is_refused_and_nothing_is_kept",
        "tests/ui/http/test_uploads.py::test_the_type_is_found_in_the_bytes_whatever_the_name_says",
        "tests/ui/http/test_abuse.py::test_every_picture_has_the_headers_that_keep_it_a_picture",
        "tests/ui/http/test_abuse.py::test_a_link_does_not_choose_the_name_of_a_download",
    ],
    "a key in an error": [
        "tests/core/test_redaction.py::test_known_secret_is_hidden_in_every_form",
        "tests/core/generation/test_credentials.py::test_no_part_is_in_a_text",
        "tests/core/generation/test_sanitize.py::test_key_in_another_form_and_other_secrets_are_hidden",
        "tests/test_secrets.py::test_no_secret_is_in_anything_that_leaves_or_is_kept",
    ],
    "a key or a prompt in a log": [
        "tests/core/test_redaction.py::test_logs_tracebacks_and_prints_of_the_program_are_cleaned",
        "tests/core/generation/test_credentials.py::test_no_part_is_in_the_log_whatever_its_variable_is_called",
        "tests/core/generation/test_own_credentials.py::test_a_visitors_key_is_in_no_log_and_forgotten_after",
        "tests/core/test_logs.py::test_no_prompt_is_in_the_log_even_where_an_error_repeats_it",
    ],
    "a visitor's own key or sign-in, kept, shown or sent elsewhere": [
        "tests/test_secrets.py::test_no_secret_is_in_anything_that_leaves_or_is_kept",
        "tests/ui/http/test_own_keys.py::test_nothing_keeps_them_beyond_the_request",
        "tests/ui/http/test_own_keys.py::test_what_is_no_key_is_rejected_and_never_repeated",
        "tests/ui/page/test_keys.py::test_it_is_written_nowhere",
        "tests/ui/page/test_keys.py::test_no_other_provider_gets_it",
        "tests/core/generation/test_own_credentials.py::test_a_sign_in_goes_nowhere_but_to_hugging_face",
        "tests/core/generation/test_own_credentials.py::test_no_client_outlives_the_requests_of_a_visitors_key",
        "tests/core/generation/test_own_credentials.py::"
        "test_a_key_that_is_a_plugins_name_closes_no_client_of_others",
    ],
    "a sign-in that is forged, stolen, or led into another browser": [
        "tests/ui/http/test_sign_in.py::test_a_sign_in_ends_in_the_browser_that_began_it_and_only_once",
        "tests/ui/http/test_sign_in.py::test_the_code_is_worth_nothing_without_what_the_browser_keeps",
        "tests/ui/http/test_sign_in.py::test_a_session_that_somebody_else_knows_is_not_the_one_that_is_signed_in",
        "tests/ui/http/test_sign_in.py::test_a_cookie_that_a_neighbour_could_set_signs_nobody_in",
        "tests/ui/http/test_sign_in.py::test_another_sites_page_is_nobody",
        "tests/ui/http/test_bearer.py::test_a_forged_token_is_nobody",
        "tests/ui/http/test_bearer.py::test_what_is_not_the_hubs_is_sent_to_nobody",
        "tests/ui/http/test_bearer.py::test_wrong_tokens_are_asked_for_only_so_often",
    ],
    "a key in what Gradio tells of the page": [
        "tests/test_app.py::test_gradio_is_told_to_show_and_tell_nothing",
    ],
    "limits that are only in the page": [
        "tests/ui/http/test_abuse.py::test_visitors_get_the_listed_models_with_bounded_options",
        "tests/core/generation/test_spending.py::test_every_way_of_asking_over_http_stands_under_it",
        "tests/ui/http/test_requests.py::test_what_would_hold_up_everybody_is_refused",
    ],
    "other names, cookies and sessions, to be counted anew": [
        "tests/ui/http/test_abuse.py::test_rate_is_counted_for_each_visitor_whatever_they_call_themselves",
        "tests/ui/http/test_abuse.py::test_a_proxy_that_the_settings_do_not_know_makes_no_visitor_the_owner",
        "tests/ui/http/test_visitor.py::test_only_what_the_proxy_itself_saw_counts",
    ],
    "a flood of requests, bodies and streams": [
        "tests/test_app.py::test_gradio_is_launched_closed",
        "tests/ui/http/test_bodies.py::test_each_visitor_has_a_bound_and_so_have_all",
        "tests/ui/http/test_flood.py::test_everybody_is_answered",
        "tests/ui/http/test_request_rate.py::test_whatever_a_visitor_asks_for_with_ever_new_cookies_counts",
        "tests/ui/http/test_request_rate.py::test_of_many_visitors_little_is_kept",
        "tests/ui/http/test_gone.py::test_without_a_key_the_provider_is_told_to_stop",
        "tests/ui/http/test_abuse.py::test_idle_streams_lock_nobody_out",
        "tests/ui/http/test_connection.py::test_a_silent_or_half_sent_request_ends",
        "tests/ui/http/test_connection.py::test_a_client_that_never_reads_is_cut",
    ],
    "forms that never end, and files that they leave": [
        "tests/security/test_gradios_routes.py::test_a_form_of_a_thousand_files_that_never_ends_opens_none",
        "tests/security/test_gradios_routes.py::test_a_form_leaves_no_file",
    ],
    "a path that leads out of its folder": [
        "tests/security/test_gradios_routes.py::test_no_path_leads_to_a_file_of_the_machine",
        "tests/security/test_gradio_client.py::test_no_path_goes_in_as_a_picture",
        "tests/security/test_gradio_client.py::test_only_a_stored_picture_is_a_file",
        "tests/core/storage/test_pictures.py::test_only_a_pictures_own_name_finds_anything",
        "tests/core/storage/test_journal.py::test_a_name_in_the_log_leads_to_no_other_file",
        "tests/ui/http/test_assets.py::test_nothing_else_is_served",
    ],
    "a picture's link that leads into the owner's network": [
        "tests/core/generation/test_fetch.py::test_no_name_leads_to_an_address_that_is_not_public",
        "tests/core/generation/test_fetch.py::test_this_machine_under_any_name_is_refused",
        "tests/core/generation/test_fetch.py::test_a_host_is_looked_up_once_and_its_address_pinned",
        "tests/core/generation/test_fetch.py::test_a_redirect_to_an_origin_that_is_not_trusted_is_refused",
        "tests/core/generation/test_fetch.py::test_the_request_carries_no_credential",
    ],
    "a picture without end, or one that is huge once it is decoded": [
        "tests/core/generation/test_fetch.py::test_a_bomb_is_never_held_whole",
        "tests/core/generation/test_fetch.py::test_the_deadline_holds_for_the_whole_of_a_slow_file",
        "tests/core/generation/test_normalise.py::test_the_limits_hold_also_for_what_was_fetched",
        "tests/ui/http/test_uploads.py::test_a_bomb_is_refused_before_it_is_decoded",
    ],
    "Gradio's own routes: pages about visitors, sign-in, its queue, what a release adds": [
        "tests/security/test_gradios_routes.py::test_none_answers_but_those_of_the_page",
        "tests/security/test_gradio_client.py::test_no_other_function_is_called_by_its_number",
        "tests/security/test_gradio_client.py::test_another_visitor_reads_and_stops_nothing",
        "tests/security/test_gradio_client.py::test_calls_that_nobody_reads_are_soon_refused",
        "tests/ui/http/test_middleware.py::test_gradio_gets_no_query_and_no_address_that_the_visitor_chose",
    ],
    "a plugin that fails, or lies": [
        "tests/test_broken_plugins.py::test_the_app_starts_among_all_of_them_and_what_is_good_works",
    ],
    "a plugin that floods, hangs, or ends what it runs in": [
        "tests/test_hostile_plugins.py::test_an_endless_flood_leaves_the_others_served",
        "tests/test_hostile_plugins.py::test_what_would_end_the_loop_is_named_and_ends_nothing",
        "tests/test_hostile_plugins.py::test_hung_calls_of_a_provider_take_no_thread_from_another",
        "tests/test_hostile_plugins.py::test_a_server_that_is_ended_from_within_says_so_and_can_be_started_again",
    ],
    "what the owner does not allow, by a spelling or past the check": [
        "tests/core/plugins/test_moderation.py::test_words_are_found_whole_however_they_are_written",
        "tests/core/plugins/test_moderation.py::test_what_cannot_be_checked_is_not_made",
        "tests/core/plugins/test_moderation.py::test_each_picture_that_goes_in_is_checked",
    ],
    "asking another host, unseen": [
        "tests/ui/page/test_asks_nobody.py::test_the_page_asks_no_other_host",
    ],
    "the owner's account, spent on any model with any input": [
        "tests/security/test_models.py::test_a_visitor_of_a_space_has_listed_models_and_bounded_options",
        "tests/security/test_models.py::test_whatever_the_owner_names_only_addresses_of_models_are_asked",
        "tests/ui/http/test_abuse.py::test_without_a_budget_no_visitor_spends",
        "tests/ui/http/test_abuse.py::test_a_proxy_that_the_settings_do_not_know_makes_no_visitor_the_owner",
        "tests/providers/test_replicate.py::test_what_names_no_model_is_not_sent",
    ],
    "other visitors' conversations": [
        "tests/ui/http/test_conversations.py::test_every_route_of_a_conversation_is_closed_to_others",
        "tests/ui/http/test_conversations.py::test_the_cookie_stays_the_same_and_only_its_hash_is_kept",
    ],
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_it_fails_in_tests_that_exist(attack: str) -> None:
    for test in ATTACKS[attack]:
        file, _, name = test.partition("::")
        assert re.search(rf"^(async )?def {name}\(", (ROOT / file).read_text("utf-8"), re.MULTILINE), test
