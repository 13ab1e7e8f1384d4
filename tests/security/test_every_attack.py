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
    ],
    "a key or a prompt in a log": [
        "tests/core/test_redaction.py::test_logs_tracebacks_and_prints_of_the_program_are_cleaned",
        "tests/core/generation/test_credentials.py::test_no_part_is_in_the_log_whatever_its_variable_is_called",
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
        "tests/ui/http/test_abuse.py::test_without_a_proxy_no_header_makes_another_visitor",
        "tests/ui/http/test_visitor.py::test_only_what_the_proxy_itself_saw_counts",
    ],
    "a flood of requests, bodies and streams": [
        "tests/test_app.py::test_gradio_is_launched_closed",
        "tests/ui/http/test_bodies.py::test_each_visitor_has_a_bound_and_so_have_all",
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
        "tests/core/storage/test_pictures.py::test_only_a_pictures_own_name_finds_anything",
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
        "tests/ui/http/test_middleware.py::test_gradio_gets_no_query_and_no_address_that_the_visitor_chose",
    ],
    "a plugin that fails, or lies": [
        "tests/test_broken_plugins.py::test_the_app_starts_among_all_of_them_and_what_is_good_works",
    ],
    "the owner's account, spent on any model with any input": [
        "tests/security/test_models.py::test_a_visitor_of_a_space_names_no_model_that_is_not_listed",
        "tests/security/test_models.py::test_a_visitor_of_a_space_sets_no_option_beyond_its_bounds",
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
