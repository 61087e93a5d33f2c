#include "core/build/nix_builder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <set>

#include <nlohmann/json.hpp>

#include <seed/util/failure.h>
#include <seed/util/file.h>
#include <seed/util/text.h>

#include "core/build/bounded_json.h"
#include "core/build/box.h"
#include "core/build/door.h"
#include "core/build/fed_box.h"
#include "core/build/flake_lock.h"
#include "core/build/https_url.h"
#include "core/build/inputs.h"
#include "core/build/tree_note.h"
#include "core/build/turns.h"

namespace seed::build {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr size_t build_log_bytes = 4u << 20;  // of one derivation, as Nix counts it

// One evaluation for everything.  The members are not called drvPath and outPath: Nix prints a set with an outPath as a string.
constexpr const char *look =
    "flake: let\n"
    "  outputs = flake.outputs;\n"
    "  instance = name: seed:\n"
    "    if !(builtins.isAttrs seed && seed ? toplevel && seed ? meta)\n"
    "    then throw \"seeds.${name} needs `meta` and `toplevel`\"\n"
    "    else if !(seed.toplevel ? drvPath && seed.toplevel ? outPath)\n"
    "    then throw \"seeds.${name}.toplevel is not a derivation\"\n"
    "    else { meta = seed.meta; drv = seed.toplevel.drvPath; out = seed.toplevel.outPath; };\n"
    "in (if outputs ? seeds then { seeds = builtins.mapAttrs instance outputs.seeds; } else { })\n"
    "  // (if outputs ? combine.domains then { inherit (outputs.combine) domains; } else { })\n"
    "  // (if outputs ? ipv4 then { inherit (outputs) ipv4; } else { })\n"
    "  // (if outputs ? ipv6 then { inherit (outputs) ipv6; } else { })";

bool plain(std::string_view text) {
    auto good = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
    return !text.empty() && text.size() <= 128 && good(text[0]) &&
           std::all_of(text.begin(), text.end(), [&](char c) { return good(c) || c == '-' || c == '_' || c == '.'; });
}

const std::string &checked(const std::string &text, const char *what) {
    if (!plain(text)) throw Failure(Code::invalid, std::string(what) + " '" + printable(text, 80) + "' is not a plain name");
    return text;
}

// "/nix/store/HASH-NAME", one component below the store.
bool is_store_path(std::string_view path) {
    constexpr std::string_view store = "/nix/store/", digits = "0123456789abcdfghijklmnpqrsvwxyz", others = "+-._?=";
    if (!path.starts_with(store) || path.size() < store.size() + 34 || path.size() > store.size() + 33 + 211) return false;
    std::string_view hash = path.substr(store.size(), 32), name = path.substr(store.size() + 33);
    return hash.find_first_not_of(digits) == std::string_view::npos && path[store.size() + 32] == '-' &&
           std::all_of(name.begin(), name.end(), [&](char c) {
               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                      others.find(c) != std::string_view::npos;
           });
}

// "NAME SIZE\n" and the bytes, as `seed-nix-box unpack` prints them.
std::map<std::string, std::string> parse_files(std::string_view text) {
    std::map<std::string, std::string> files;
    while (!text.empty()) {
        size_t end = text.find('\n'), space = text.find(' ');
        size_t size = 0;
        if (end == std::string_view::npos || space > end ||
            std::from_chars(text.data() + space + 1, text.data() + end, size).ec != std::errc() || size > text.size() - end - 1)
            throw Failure(Code::internal, "seed-nix-box unpack answered in an unknown way: programs of two versions?");
        files[std::string(text.substr(0, space))] = text.substr(end + 1, size);
        text.remove_prefix(end + 1 + size);
    }
    return files;
}

// The binary caches of this platform, and no others; what has no signature of theirs is not taken.
std::vector<std::string> substitution_options(const std::map<std::string, std::string> &substituters) {
    std::string urls, keys;
    for (const auto &[url, key] : substituters) {
        urls += (urls.empty() ? "" : " ") + url;
        keys += (keys.empty() ? "" : " ") + key;
    }
    // Nix sees no network here and would give up substitution, were it not told.  A cache that is down or lacks a file is passed
    // over, not the end of the build.
    return {"--option", "substitute", "true", "--option", "substituters", urls, "--option", "trusted-public-keys", keys, "--option", "require-sigs", "true", "--option", "fallback",
            "true",     "--option",     "connect-timeout", "20", "--option", "download-attempts", "2"};
}

// A builder that wanted the network, in one line with the remedy; empty: it failed of something else.
std::string missing_download(const NixMessages &messages, const BuilderSettings &settings, bool door, const std::string &trouble) {
    bool wanted = false;
    for (const char *words : {"unable to download", "Could not resolve host", "Couldn't connect to server", "Network is unreachable",
                              "from proxy after CONNECT", "bad address", "Temporary failure in name resolution"})
        wanted = wanted || messages.contains(words);
    if (!wanted) return {};
    std::string text = "it needs something that is neither an input nor in a binary cache of this platform";
    std::string caches;
    if (door)
        for (const auto &[url, key] : settings.substituters) caches += (caches.empty() ? "" : ", ") + url;
    text += caches.empty() ? "" : " (" + caches + ")";
    if (!trouble.empty()) text += "; " + trouble;
    return text + (settings.fixed_outputs ? ": see whether everybody can download it over https, or make it a flake input"
                                          : ": builds have no network here; make it a flake input, or ask the operator (builder.fixed_outputs)");
}

}  // namespace

struct NixBuilder::Impl {
    asio::any_io_executor executor;
    BuilderSettings settings;
    Boxes boxes;
    Inputs inputs;
    Turns turns;

    Impl(asio::any_io_executor on, BuilderSettings with)
        : executor(on), settings(std::move(with)), boxes(settings), inputs(on, settings, boxes), turns(on, settings.parallel, settings.share) {
        make_directory(settings.state_directory, 0700);
        make_directory(settings.image_directory, 0755);
        for (const auto &entry : fs::directory_iterator(settings.image_directory))
            if (entry.path().filename().string().starts_with(".new-")) fs::remove_all(entry.path());
    }

    fs::path folder(const std::string &ns) const { return fs::path(settings.state_directory) / checked(ns, "namespace"); }
    // Host-side notes, trusted: which trees were unpacked and found good under which rules; which image a store path has.
    fs::path tree_note(const std::string &ns, const std::string &tree) const {
        return folder(ns) / "trees" / checked(tree, "tree");
    }
    // What Nix reads instead of the source's own flake.lock, when that has what only newer ones know.
    fs::path lock_file(const std::string &ns, const std::string &tree) const { return folder(ns) / "locks" / checked(tree, "tree"); }
    fs::path image_note(const std::string &ns, const std::string &out_path) const {
        return folder(ns) / "closures" / fs::path(out_path).filename();
    }
    fs::path image_file(const std::string &key) const { return fs::path(settings.image_directory) / (key + ".erofs"); }
    void make_folders(const std::string &ns) const {
        make_directory(folder(ns), 0700);
        make_directory(folder(ns) / "trees", 0700);
        make_directory(folder(ns) / "closures", 0700);
        make_directory(folder(ns) / "locks", 0700);
    }
    // There from before the store grows until a collection has succeeded, so that one that was cut short is done again.
    fs::path uncollected_note(const std::string &ns) const { return folder(ns) / "uncollected"; }
    void note_uncollected(const std::string &ns) const {
        make_folders(ns);
        if (!fs::exists(uncollected_note(ns))) write_file_atomically(uncollected_note(ns), "", 0600);
    }
    std::string rules() const {  // a note made under other rules does not count
        std::string text = "2\n" + settings.platform_host + "\n";
        for (const auto &rule : settings.allowed_inputs) text += rule + "\n";
        return sha256_hex(text);
    }
    // Unpacked, found good under the rules of today, and every input is there.
    bool is_ready(const std::string &ns, const std::string &tree) const {
        auto note = TreeNote::read(tree_note(ns, tree));
        return has_store(ns) && note && note->rules == rules() &&
               std::all_of(note->inputs.begin(), note->inputs.end(), [&](const NotedInput &input) { return inputs.has(ns, input.key); });
    }
    // What the store lost although we noted it (see the box's --need) is fetched again.
    void forget(const std::string &ns, const std::string &tree) const {
        if (auto note = TreeNote::read(tree_note(ns, tree)))
            for (const auto &input : note->inputs) fs::remove(folder(ns) / "inputs" / input.key);
        fs::remove(tree_note(ns, tree));
    }
    Task<void> bring(Call call, std::string ns, std::vector<LockedInput> wanted);
    std::optional<DoorRules> build_door(const Source &source) const;
    bool has_store(const std::string &ns) const {
        return fs::exists(folder(ns) / "store.img") || fs::exists(folder(ns) / "plain");
    }
};

// A flake without inputs from the network cannot need what a cache has: its build has no door at all.
std::optional<DoorRules> NixBuilder::Impl::build_door(const Source &source) const {
    auto note = TreeNote::read(tree_note(source.ns, source.tree));
    if (!note || !note->from_network() || (settings.substituters.empty() && !settings.fixed_outputs)) return std::nullopt;
    DoorRules rules;
    rules.any_host = settings.fixed_outputs;
    rules.bytes = settings.store_bytes;
    for (const auto &[url, key] : settings.substituters)
        if (auto parsed = HttpsUrl::parse(url)) rules.hosts.push_back(parsed->host + ":" + std::to_string(parsed->port));
    return rules;
}

NixBuilder::NixBuilder(asio::any_io_executor executor, BuilderSettings settings)
    : impl_(std::make_unique<Impl>(std::move(executor), std::move(settings))) {}
NixBuilder::~NixBuilder() = default;

std::vector<std::string> NixBuilder::remarks() const {
    return {impl_->boxes.remarks().begin(), impl_->boxes.remarks().end()};
}

Task<Source> NixBuilder::unpack(const Call &the_call, std::string ns, std::string tree,
                             std::function<Task<void>(int write_fd)> produce) {
    Call call = the_call;
    Source source{ns, tree, "/src"};
    fs::path file = impl_->tree_note(ns, tree);
    if (impl_->is_ready(ns, tree)) co_return source;
    std::vector<LockedInput> inputs;
    {
        auto turn = co_await impl_->turns.take(call, ns);
        if (impl_->is_ready(ns, tree)) co_return source;
        impl_->note_uncollected(ns);
        BoxStep step;
        step.stage = "unpacking the source";
        step.ns = ns;
        step.action = {"unpack", tree, std::to_string(impl_->settings.source_bytes)};
        step.memory = impl_->settings.evaluation_memory;
        step.deadline = impl_->settings.evaluation_deadline;
        step.output_limit = 3u << 20;
        BoxResult result = co_await run_fed(impl_->executor, impl_->boxes, call, std::move(step), std::move(produce));
        if (result.code)
            throw Failure(Code::internal,
                          "unpacking the source failed (status " + std::to_string(result.code) + "): " + result.messages.tail(5));
        auto files = parse_files(result.out);
        if (!files.contains("flake.nix")) throw Failure(Code::invalid, "there is no flake.nix at the top of the repository: add one");
        InputRules rules{impl_->settings.allowed_inputs, impl_->settings.platform_source ? impl_->settings.platform_host : ""};
        inputs = read_flake_lock(files.contains("flake.lock") ? std::optional(files["flake.lock"]) : std::nullopt, rules);
        auto older = inputs.empty() ? std::nullopt : for_older_nix(files["flake.lock"]);
        if (older) write_file_atomically(impl_->lock_file(ns, tree), *older, 0600);
    }
    TreeNote note = TreeNote::of(inputs);
    note.write(file);  // pending: a collection after a fetch that failed keeps what was fetched
    co_await impl_->bring(call, ns, std::move(inputs));
    note.rules = impl_->rules();
    note.write(file);
    co_return source;
}

Task<void> NixBuilder::Impl::bring(Call call, std::string ns, std::vector<LockedInput> wanted) {
    std::string names;
    size_t count = 0;
    auto began = Call::Clock::now();
    for (const auto &input : wanted) {
        if (inputs.has(ns, input.key)) continue;
        auto turn = co_await turns.take(call, ns, Lane::fetch);
        if (inputs.has(ns, input.key)) continue;
        note_uncollected(ns);
        call.progress("fetching " + input.name + " (" + input.text + ")");
        co_await inputs.fetch(call, ns, input);
        ++count;
        names += (names.empty() ? "" : ", ") + input.name;
    }
    if (!count) co_return;
    auto took = std::chrono::duration_cast<std::chrono::milliseconds>(Call::Clock::now() - began).count();
    call.progress("fetched " + std::to_string(count) + (count == 1 ? " input (" : " inputs (") + printable(names, 300) + ") in " + format_duration_ms(took));
}

Task<json> NixBuilder::evaluate(const Call &the_call, const Source &the_source) {
    Call call = the_call;
    Source source = the_source;
    auto turn = co_await impl_->turns.take(call, source.ns);
    impl_->note_uncollected(source.ns);
    BoxStep step;
    step.stage = "evaluation";
    step.ns = source.ns;
    step.options = {"--source", checked(source.tree, "tree")};
    if (auto note = TreeNote::read(impl_->tree_note(source.ns, source.tree)))
        for (const auto &input : note->inputs) step.needs.push_back(input.store_path);
    if (fs::path lock = impl_->lock_file(source.ns, source.tree); fs::exists(lock)) step.lock_file = lock;
    step.action = {"evaluate", look};
    step.memory = impl_->settings.evaluation_memory;
    step.deadline = impl_->settings.evaluation_deadline;
    if (impl_->settings.evaluation_time) step.deadline = std::min(step.deadline, impl_->settings.evaluation_time(source.ns));
    step.output_limit = impl_->settings.output_limit;
    step.limit_address_space = true;
    BoxResult result;
    try {
        result = co_await impl_->boxes.run(call, std::move(step));
    } catch (const Failure &failure) {
        if (failure.code() == Code::not_found)
            impl_->forget(source.ns, source.tree);  // so that it is unpacked and fetched again
        throw;
    }
    const NixMessages &messages = result.messages;
    if (result.code) {
        std::string block = messages.error_block();
        if (messages.contains("requires lock file changes") || messages.contains("in pure mode") || messages.contains("registry lookups are not allowed") ||
            messages.contains("while updating the lock file"))
            throw Failure(Code::invalid,
                          "evaluation refused: the flake has inputs that flake.lock does not pin; run `nix flake lock`, commit "
                          "flake.lock, and use only inputs that this platform allows\n" +
                              block);
        if (messages.contains("unable to download"))
            throw Failure(
                Code::invalid,
                "evaluation refused: there is no network during evaluation; put what the flake fetches into the repository\n" +
                    block);
        if (result.out_of_memory || messages.contains("out of memory") || messages.contains("Cannot allocate memory"))
            throw Failure(Code::limit, "evaluation needed more than " + format_size(impl_->settings.evaluation_memory) +
                                           " of memory\n" + block);
        if (block.empty()) block = "nix eval ended with status " + std::to_string(result.code) + "\n" + messages.tail(5);
        throw Failure(Code::invalid, "evaluation failed\n" + block);
    }
    json evaluated = parse_bounded(result.out, "the result of evaluation");
    auto seeds = evaluated.is_object() ? evaluated.find("seeds") : evaluated.end();
    if (!evaluated.is_object() || seeds == evaluated.end())
        throw Failure(Code::invalid, "the flake exports no seeds: add `seeds.NAME = { meta = {...}; toplevel = ...; }` to its outputs");
    if (!seeds->is_object() || seeds->empty())
        throw Failure(Code::invalid, "the flake exports no seeds: `seeds` must be a set with at least one instance");
    json instances = json::object();
    for (const auto &[name, value] : seeds->items()) {
        auto path = [&, &value = value](const char *member) {
            auto found = value.is_object() ? value.find(member) : value.end();
            if (!value.is_object() || found == value.end() || !found->is_string() ||
                !is_store_path(found->get_ref<const std::string &>()))
                throw Failure(Code::invalid, "seeds." + printable(name, 80) + ".toplevel is not a derivation");
            return found->get<std::string>();
        };
        std::string drv = path("drv"), out = path("out");
        if (!drv.ends_with(".drv") || out.ends_with(".drv"))
            throw Failure(Code::invalid, "seeds." + printable(name, 80) + ".toplevel is not a derivation");
        instances[name] = {{"meta", value["meta"]}, {"drvPath", drv}, {"outPath", out}};
    }
    evaluated["seeds"] = std::move(instances);
    co_return evaluated;
}

Task<void> NixBuilder::build(const Call &the_call, const Source &the_source, std::map<std::string, std::string> drv_by_instance,
                          std::string generation) {
    Call call = the_call;
    Source source = the_source;
    std::string ns = source.ns;
    const BuilderSettings &settings = impl_->settings;
    checked(generation, "generation");
    if (generation.find('-') != std::string::npos) throw Failure(Code::internal, "a generation holds no '-': " + generation);
    BoxStep step;
    step.stage = "build";
    step.ns = ns;
    // Nix ends a builder a little before we end Nix: then the message names the builder.
    const std::string deadline = std::to_string(std::max<int64_t>(1, settings.build_deadline.count() - 2));
    step.action = {"build",
                   "--option",
                   "timeout",
                   deadline,
                   "--option",
                   "max-silent-time",
                   deadline,
                   "--option",
                   "max-build-log-size",
                   std::to_string(build_log_bytes),
                   "--",
                   generation};
    for (const auto &[name, drv] : drv_by_instance) {
        if (!is_store_path(drv) || !drv.ends_with(".drv"))
            throw Failure(Code::invalid, name + ": '" + printable(drv, 200) + "' is no derivation");
        step.action.push_back(checked(name, "instance") + "=" + drv);
    }
    if (drv_by_instance.empty()) co_return;
    step.memory = settings.build_memory;
    step.deadline = settings.build_deadline;
    step.output_limit = 32u << 20;  // the box shows 40 lines a second at most
    step.show_progress = true;
    std::optional<DoorRules> way_out = impl_->build_door(source);
    if (way_out) {
        std::vector<std::string> options = substitution_options(settings.substituters);
        step.action.insert(step.action.begin() + 1, options.begin(), options.end());
    }
    std::string trouble;  // with the way out
    BoxResult result;
    for (int attempt = 0;; ++attempt) {
        {
            auto turn = co_await impl_->turns.take(call, ns);
            impl_->note_uncollected(ns);
            BoxStep again = step;
            std::unique_ptr<Door> door;
            if (way_out) door = std::make_unique<Door>(impl_->executor, settings, call, *way_out);
            if (door) again.door = door->box_end();
            std::exception_ptr failure;
            try {
                result = co_await impl_->boxes.run(call, std::move(again));
            } catch (...) {
                failure = std::current_exception();
            }
            if (door) co_await door->close();
            if (failure) std::rethrow_exception(failure);
            if (door) trouble = door->trouble();
        }
        if (!result.code) co_return;
        // Derivations have no roots: what was evaluated before the last collection is evaluated once more.
        if (attempt || !result.messages.contains(".drv' is not a valid store path")) break;
        co_await evaluate(call, source);
    }
    std::string text = "build failed\n" + result.messages.error_block();
    if (std::string missing = missing_download(result.messages, settings, way_out.has_value(), trouble); !missing.empty()) text += "\n" + missing;
    if (std::string log = result.messages.failed_builder(); !log.empty()) text += "\n" + log;
    if (result.out_of_memory)
        throw Failure(Code::limit, text + "\nthe build needed more than " + format_size(settings.build_memory) + " of memory");
    throw Failure(Code::invalid, text);
}

Task<Image> NixBuilder::image(const Call &the_call, const std::string &the_ns, std::string out_path) {
    Call call = the_call;
    std::string ns = the_ns;
    const BuilderSettings &settings = impl_->settings;
    if (!is_store_path(out_path)) throw Failure(Code::invalid, "'" + printable(out_path, 200) + "' is no store path");
    auto known = [&]() -> std::optional<Image> {
        auto key = read_file_if_exists(impl_->image_note(ns, out_path));
        if (!key || !fs::exists(impl_->image_file(*key))) return std::nullopt;
        return Image{*key, impl_->image_file(*key)};
    };
    if (auto image = known()) co_return *image;
    auto turn = co_await impl_->turns.take(call, ns);
    if (auto image = known()) co_return *image;
    impl_->make_folders(ns);

    // Beside the images, so that the finished file only changes its name.
    TemporaryDirectory staging(settings.image_directory, ".new-");
    BoxStep step;
    step.stage = "making the image";
    step.ns = ns;
    step.options = {"--output", staging.path()};
    step.action = {"image", out_path, std::to_string(settings.store_bytes)};
    step.memory = settings.build_memory;
    step.deadline = settings.build_deadline;
    step.output_limit = 16u << 20;
    BoxResult result = co_await impl_->boxes.run(call, std::move(step));
    if (result.code)
        throw Failure(Code::internal, "making the image of " + out_path + " failed (status " + std::to_string(result.code) +
                                          "): " + result.messages.tail(5));
    // The namespace is part of the key: stores are separate, and a store that its owner broke must not lend its image to another.
    Image image;
    image.key = sha256_hex(ns + "\n" + result.out);
    image.path = impl_->image_file(image.key);
    UniqueFd file = open_file(staging.path() / "image", O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    struct stat status {};
    if (fstat(file.get(), &status) || !S_ISREG(status.st_mode) || status.st_nlink != 1)
        throw Failure(Code::internal, "the box left no image");
    if (geteuid() == 0 && fchown(file.get(), 0, 0)) fail_errno("take over the image");
    if (fchmod(file.get(), 0444)) fail_errno("protect the image");
    fs::rename(staging.path() / "image", image.path);
    write_file_atomically(impl_->image_note(ns, out_path), image.key, 0600);
    co_return image;
}

Task<void> NixBuilder::collect(const Call &the_call, const std::string &the_ns, std::vector<std::string> keep_generations,
                            std::vector<std::string> keep_trees) {
    Call call = the_call;
    std::string ns = the_ns;
    auto turn = co_await impl_->turns.take(call, ns);
    if (!impl_->has_store(ns)) co_return;
    impl_->make_folders(ns);
    BoxStep step;
    step.stage = "collecting garbage";
    step.ns = ns;
    step.options = {"--trim"};
    step.action = {"collect"};
    for (const auto &generation : keep_generations) step.action.push_back("generation:" + checked(generation, "generation"));
    for (const auto &tree : keep_trees) step.action.push_back("tree:" + checked(tree, "tree"));
    step.memory = impl_->settings.build_memory;
    step.deadline = impl_->settings.build_deadline;
    step.output_limit = 16u << 20;
    std::set<std::string> kept(keep_trees.begin(), keep_trees.end());
    std::vector<std::string> keys;
    for (const auto &tree : kept)
        if (auto note = TreeNote::read(impl_->tree_note(ns, tree)))
            for (const auto &input : note->inputs) {
                keys.push_back(input.key);
                step.action.push_back("input:" + fs::path(input.store_path).filename().string());
            }
    impl_->inputs.forget_except(ns, keys);
    for (const auto &entry : fs::directory_iterator(impl_->folder(ns) / "trees"))  // first: a note must never outlive its tree
        if (!kept.contains(entry.path().filename())) fs::remove(entry.path());
    for (const auto &entry : fs::directory_iterator(impl_->folder(ns) / "locks"))
        if (!kept.contains(entry.path().filename())) fs::remove(entry.path());
    BoxResult result = co_await impl_->boxes.run(call, std::move(step));
    if (result.code)
        throw Failure(Code::internal,
                      "collecting garbage failed (status " + std::to_string(result.code) + "): " + result.messages.tail(5));
    for (const auto &entry : fs::directory_iterator(impl_->folder(ns) / "closures"))
        if (auto key = read_file_if_exists(entry.path()); !key || !fs::exists(impl_->image_file(*key))) fs::remove(entry.path());
    fs::remove(impl_->uncollected_note(ns));
}

bool NixBuilder::needs_collecting(const std::string &ns) const {
    return fs::exists(impl_->uncollected_note(ns));
}

bool NixBuilder::has_image(const std::string &key) const {
    return plain(key) && fs::exists(impl_->image_file(key));
}

void NixBuilder::remove_images_except(const std::vector<std::string> &keys) {
    std::set<std::string> kept(keys.begin(), keys.end());
    for (const auto &entry : fs::directory_iterator(impl_->settings.image_directory))
        if (entry.path().extension() == ".erofs" && !kept.contains(entry.path().stem())) fs::remove(entry.path());
}

}  // namespace seed::build
