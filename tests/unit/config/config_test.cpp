#include "core/config/config.h"

#include <gmock/gmock.h>

#include <seed/util/failure.h>
#include <seed/util/file.h>
#include <seed/util/text.h>

using namespace seed;
using namespace seed::config;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

namespace {

const std::string minimal = R"(platform: { domain: seed.example.net }
providers:
  runtime: { plugin: runtime-qemu }
  dns: { plugin: dns-powerdns }
  git: { plugin: git-silo }
  storage: { plugin: storage-localpath }
)";

// The text of the mistakes, empty when there are none.
std::string mistakes(const std::string &text) {
    try {
        parse(text, "f.yaml");
    } catch (const Failure &failure) {
        EXPECT_EQ(failure.code(), Code::invalid);
        return failure.what();
    }
    return "";
}

std::string with(const std::string &more) {
    return mistakes(minimal + more);
}

}  // namespace

TEST(Config, reads_the_example_of_its_page) {
    std::string page = read_file(std::string(SEED_SOURCE_DIR) + "/docs/configuration.md");
    size_t begin = page.find("```yaml\n") + 8, end = page.find("```", begin);
    Settings settings = parse(page.substr(begin, end - begin), "docs/configuration.md");
    EXPECT_EQ(settings.platform.domain, "seed.example.net");
    EXPECT_EQ(settings.platform.silo, "silo.example.net");
    EXPECT_EQ(settings.ingress.prefix, "2001:db8:5eed::/48");
    EXPECT_EQ(settings.plugin_directories, std::vector<std::string>{"/usr/lib/seed/plugins"});
    EXPECT_EQ(settings.providers.at("dns").at(0).config, nlohmann::json({{"managed", true}}));
    EXPECT_GT(settings.providers.at("dns").at(0).line, 0);
    // The page shows the defaults.
    LimitSettings defaults;
    EXPECT_EQ(settings.limits.evaluation_memory, defaults.evaluation_memory);
    EXPECT_EQ(settings.limits.build_memory, defaults.build_memory);
    EXPECT_EQ(settings.limits.store_bytes, defaults.store_bytes);
    EXPECT_EQ(settings.limits.source_bytes, defaults.source_bytes);
    EXPECT_EQ(settings.limits.fetch_bytes, defaults.fetch_bytes);
    EXPECT_EQ(settings.limits.fetch_seconds, defaults.fetch_seconds);
    EXPECT_EQ(settings.limits.pack_bytes, defaults.pack_bytes);
    EXPECT_EQ(settings.builder.inputs, (std::vector<std::string>{"github", "tarball:https://releases.nixos.org/"}));
    EXPECT_EQ(settings.builder.addresses.at("mirror.example.net"), "10.0.0.7:443");
    EXPECT_EQ(settings.builder.ca_file, BuilderSettings().ca_file);
    EXPECT_EQ(settings.limits.repository_bytes, defaults.repository_bytes);
    EXPECT_EQ(settings.limits.evaluation_seconds, defaults.evaluation_seconds);
    EXPECT_EQ(settings.limits.build_seconds, defaults.build_seconds);
    EXPECT_EQ(settings.limits.instances_per_flake, defaults.instances_per_flake);
    EXPECT_EQ(settings.limits.repositories_per_key, defaults.repositories_per_key);
    EXPECT_EQ(settings.limits.parallel_builds, defaults.parallel_builds);
    EXPECT_EQ(settings.limits.keep_generations, defaults.keep_generations);
    EXPECT_EQ(settings.limits.keep_deployments, defaults.keep_deployments);
    EXPECT_EQ(settings.limits.ready_seconds, defaults.ready_seconds);
    EXPECT_EQ(settings.listen.ssh, ListenSettings().ssh);
    EXPECT_EQ(settings.listen.http, ListenSettings().http);
    EXPECT_EQ(settings.platform.state, PlatformSettings().state);
}

TEST(Config, public_inputs_come_with_the_public_cache) {
    auto builder = [](const std::string &more) { return parse(minimal + more, "f.yaml").builder; };
    EXPECT_EQ(builder("").inputs, std::vector<std::string>{"public"});
    EXPECT_EQ(builder("").substituters, public_substituters);
    EXPECT_EQ(embedded("/tmp/x", 0, 0).builder.substituters, public_substituters);
    EXPECT_TRUE(builder("builder: { inputs: none }\n").inputs.empty());
    EXPECT_TRUE(builder("builder: { inputs: none }\n").substituters.empty());
    EXPECT_TRUE(builder("builder: { inputs: [github] }\n").substituters.empty());
    EXPECT_TRUE(builder("builder: { substituters: {} }\n").substituters.empty());
    EXPECT_EQ(builder("builder: { inputs: none, substituters: { \"https://c.example\": \"c-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=\" } }\n").substituters.size(), 1u);
}

TEST(Config, mistakes_of_the_builder_are_named) {
    auto wrong = [](const std::string &text) { return with("builder: { " + text + " }\n"); };
    EXPECT_THAT(wrong("inputs: all"), HasSubstr("builder.inputs: must be one of: none, public"));
    EXPECT_THAT(wrong("inputs: [path]"), HasSubstr("must be TYPE or TYPE:PREFIX"));
    EXPECT_THAT(wrong("inputs: [public]"), HasSubstr("must be TYPE or TYPE:PREFIX"));
    EXPECT_THAT(wrong("hosts: [a.example]"), HasSubstr("must be HOST:PORT"));
    EXPECT_THAT(wrong("substituters: { \"http://c.example\": \"x\" }"), AllOf(HasSubstr("https://HOST"), HasSubstr("public key")));
    EXPECT_THAT(wrong("substituters: { \"https://c.example\": \"c-1:AAAA\" }"), HasSubstr("public key"));
    EXPECT_THAT(wrong("addresses: { a.example: localhost }"), HasSubstr("must be ADDRESS:PORT"));
    EXPECT_THAT(wrong("addresses: { a.example: \"10.0.0.1:0\" }"), HasSubstr("port from 1"));
    EXPECT_THAT(wrong("addresses: { \"a b\": \"10.0.0.1:1\" }"), HasSubstr("must be a host name"));
    EXPECT_THAT(wrong("fixed_outputs: maybe"), HasSubstr("must be one of: false, true"));
    EXPECT_THAT(wrong("ca_file: ca.pem"), HasSubstr("absolute path"));
}

TEST(Config, needs_little) {
    Settings settings = parse(minimal, "f.yaml");
    EXPECT_EQ(settings.platform.silo, "silo.seed.example.net");
    EXPECT_EQ(settings.admission, Admission::invite);
    EXPECT_EQ(settings.providers.at("git").at(0).plugin, "git-silo");
    EXPECT_EQ(settings.providers.at("git").at(0).line, 5);
    EXPECT_EQ(settings.providers.at("git").at(0).isolation, Isolation::process);
}

TEST(Config, lists_all_mistakes_at_once_with_their_lines) {
    std::string text = mistakes(R"(platform:
  domian: seed.example.net
  state: relative
listen: { ssh: "22" }
admission: everybody
providers: { runtime: { isolation: process } }
limits:
  build_memory: lots
  parallel_builds: 0
)");
    for (const char *line : {"f.yaml:2: platform.domian: is not a known key; did you mean domain?", "f.yaml:3: platform.state: ",
                             "f.yaml:4: listen.ssh: must be ADDRESS:PORT", "f.yaml:5: admission: must be one of: invite, open",
                             "f.yaml:6: providers.runtime: names no plugin; add plugin: NAME",
                             "f.yaml:8: limits.build_memory: must be a size such as 512Mi or 4Gi",
                             "f.yaml:9: limits.parallel_builds: must be a number from 1 to 64", "platform.domain: is missing",
                             "providers.git: is missing", "providers.storage: is missing", "providers.dns: is missing"})
        EXPECT_THAT(text, HasSubstr(line));
    EXPECT_THAT(text, Not(HasSubstr("providers.runtime: is missing")));
    for (const std::string &line : split(text, '\n')) EXPECT_TRUE(line.starts_with("f.yaml:")) << line;
}

TEST(Config, refuses_wrong_addresses_domains_and_prefixes) {
    EXPECT_THAT(with("listen: { ssh: 'localhost:22' }"), HasSubstr("listen.ssh: must be ADDRESS:PORT"));
    EXPECT_THAT(with("listen: { ssh: '[::1:22' }"), HasSubstr("listen.ssh"));
    EXPECT_THAT(with("listen: { http: '127.0.0.1:99999' }"), HasSubstr("listen.http"));
    EXPECT_EQ(with("listen: { ssh: '[::1]:0', http: '0.0.0.0:80' }"), "");
    EXPECT_THAT(with("ingress: { prefix: '2001:db8::/64' }"), HasSubstr("ingress.prefix: must be an IPv6 prefix of 48 bits"));
    EXPECT_THAT(mistakes("platform: { domain: 'Not A Domain' }"), HasSubstr("f.yaml:1: platform.domain: "));
}

TEST(Config, refuses_what_is_given_twice_or_has_the_wrong_shape) {
    EXPECT_THAT(with("admission: open\nadmission: open\n"), HasSubstr("f.yaml:8: admission: is given twice; remove one"));
    EXPECT_THAT(with("limits: 5\n"), HasSubstr("f.yaml:7: limits: must be a mapping (KEY: VALUE)"));
    EXPECT_THAT(with("admission: [open]\n"), HasSubstr("admission: must be one of"));
    EXPECT_THAT(with("plugin_directories: /x\n"), HasSubstr("must be a list of absolute paths"));
    EXPECT_THAT(with("wholly: unknown\n"), HasSubstr("known here: admission, builder, ingress, limits, listen, platform"));
    EXPECT_THAT(mistakes("providers: { dns: [{plugin: a}, {plugin: b}], git: [] }"),
                AllOf(HasSubstr("only git and storage may have several providers; give one"), HasSubstr("providers.git: is empty")));
}

TEST(Config, says_where_it_is_no_yaml) {
    EXPECT_THAT(mistakes("platform: {\n  domain: [\n"), HasSubstr("not YAML: "));
    EXPECT_THAT(mistakes(""), HasSubstr("f.yaml:1: the file must be a mapping"));
    EXPECT_THAT(mistakes("- a\n"), HasSubstr("f.yaml:1: the file must be a mapping"));
    EXPECT_THAT(with("---\nplatform: {}\n"), HasSubstr("a second document begins here"));
    EXPECT_THROW(load("/nonexistent/seed.yaml"), Failure);
}

TEST(Config, gives_plugins_their_values_with_types) {
    std::string text = minimal;
    text.replace(text.find("{ plugin: dns-powerdns }"), 24,
                 "{ plugin: dns-powerdns, isolation: inline, config: { a: 1, b: 1.5, c: true, d: '1', e: [x, null], f: .inf, g: "
                 "{h: no} } }");
    ProviderChoice choice = parse(text, "f.yaml").providers.at("dns").at(0);
    EXPECT_EQ(choice.isolation, Isolation::inline_);
    EXPECT_EQ(choice.config,
              nlohmann::json::parse(R"({"a":1,"b":1.5,"c":true,"d":"1","e":["x",null],"f":".inf","g":{"h":"no"}})"));
}

TEST(Config, is_not_exhausted_by_aliases_and_depth) {
    std::string config = "{ plugin: x, config: { a: &a [1,1,1,1,1,1,1,1,1,1]";
    for (char c = 'b'; c < 'l'; ++c) {
        std::string before(1, static_cast<char>(c - 1));
        config += std::string(", ") + c + ": &" + c + " [";
        for (int n = 0; n < 10; ++n) config += (n ? ",*" : "*") + before;
        config += "]";
    }
    EXPECT_THAT(mistakes("providers: { dns: " + config + " } } }"), HasSubstr("is too large or too deep"));
    std::string deep = "providers: { dns: { plugin: x, config: { a: " + std::string(100, '[') + std::string(100, ']') + " } } }";
    EXPECT_THAT(mistakes(deep), HasSubstr("is too large or too deep"));
    EXPECT_NE(mistakes(std::string(100000, '[')), "");
    EXPECT_NE(mistakes("providers: &a { dns: { plugin: x, config: { b: *a } } }"), "");
}

TEST(Config, keeps_a_mistake_on_its_line_whatever_the_key_holds) {
    std::string text = with("\"bad\\nkey\\e[31m\": 1\n");
    EXPECT_THAT(text, HasSubstr("f.yaml:7: bad?key?[31m: is not a known key"));
    EXPECT_EQ(split(text, '\n').size(), 1u);
}

TEST(Config, embeds_all_defaults_for_one_person) {
    Settings settings = embedded("/tmp/dir", 2222, 0);
    EXPECT_EQ(settings.platform.domain, "seed.localhost");
    EXPECT_EQ(settings.platform.silo, "silo.seed.localhost");
    EXPECT_EQ(settings.platform.state, "/tmp/dir");
    EXPECT_EQ(settings.listen.ssh, "127.0.0.1:2222");
    EXPECT_EQ(settings.listen.http, "127.0.0.1:0");
    EXPECT_EQ(settings.admission, Admission::open);
    EXPECT_EQ(settings.providers.at("runtime").at(0).plugin, "runtime-qemu");
    EXPECT_EQ(settings.providers.at("dns").at(0).config, nlohmann::json({{"managed", true}}));
    EXPECT_EQ(settings.providers.at("git").at(0).plugin, "git-silo");
    EXPECT_EQ(settings.providers.at("storage").at(0).plugin, "storage-localpath");
}
