#include "core/front/ssh/connection.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <libssh/callbacks.h>
#include <libssh/libssh.h>
#include <libssh/server.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <optional>
#include <vector>

#include <seed/util/failure.h>

#include "core/front/ssh/channel.h"

namespace seed::front {

namespace {

using Clock = std::chrono::steady_clock;

const char *accepted_keys =
    "ssh-ed25519,sk-ssh-ed25519@openssh.com,sk-ecdsa-sha2-nistp256@openssh.com,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,rsa-sha2-512,rsa-sha2-"
    "256";

std::string remote_of(int fd) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    char text[INET6_ADDRSTRLEN] = "";
    if (::getpeername(fd, reinterpret_cast<sockaddr *>(&address), &size) != 0) return "unknown";
    if (address.ss_family == AF_INET) {
        auto &v4 = reinterpret_cast<sockaddr_in &>(address);
        ::inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
        return std::string(text) + ":" + std::to_string(ntohs(v4.sin_port));
    }
    if (address.ss_family == AF_INET6) {
        auto &v6 = reinterpret_cast<sockaddr_in6 &>(address);
        ::inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
        std::string host = text;
        if (host.starts_with("::ffff:") && host.find('.') != std::string::npos)
            return host.substr(7) + ":" + std::to_string(ntohs(v6.sin6_port));
        return "[" + host + "]:" + std::to_string(ntohs(v6.sin6_port));
    }
    return "local";
}

// A client whose machine vanished is noticed within three minutes; interactive answers are not held back.
void tune(int fd) {
    auto set = [fd](int level, int option, int value) { ::setsockopt(fd, level, option, &value, sizeof value); };
    set(SOL_SOCKET, SO_KEEPALIVE, 1);
    set(IPPROTO_TCP, TCP_KEEPIDLE, 60);
    set(IPPROTO_TCP, TCP_KEEPINTVL, 30);
    set(IPPROTO_TCP, TCP_KEEPCNT, 4);
    set(IPPROTO_TCP, TCP_NODELAY, 1);
}

}  // namespace

struct Connection::State : ssh_server_callbacks_struct {
    State() : ssh_server_callbacks_struct{} {}

    ConnectionSettings settings;
    ssh_bind bind = nullptr;
    ssh_session session = nullptr;
    ssh_event event = nullptr;
    int fd = -1;  // owned by session
    std::string remote;
    std::optional<Person> person;
    JobMain main;
    std::vector<std::unique_ptr<Channel>> channels;

    ~State() {
        channels.clear();
        if (event) ssh_event_free(event);
        if (session) {
            ssh_disconnect(session);
            ssh_free(session);
        }
        if (bind) ssh_bind_free(bind);
    }

    bool alive() const { return ssh_is_connected(session) && !(ssh_get_status(session) & (SSH_CLOSED | SSH_CLOSED_ERROR)); }
    bool has_output() const { return ssh_get_status(session) & SSH_WRITE_PENDING; }

    // Waits for the connection (and `others`), then lets libssh work.  False: the connection is over.
    bool step(std::vector<pollfd> &others, int timeout_ms) {
        others.push_back({fd, short(POLLIN | (has_output() ? POLLOUT : 0)), 0});
        int ready = ::poll(others.data(), others.size(), timeout_ms);
        if (ready < 0 && errno != EINTR) return false;
        if (ready > 0 && others.back().revents && event && ssh_event_dopoll(event, 0) == SSH_ERROR) return false;
        return alive();
    }

    static int on_public_key(ssh_session, const char *, ssh_key_struct *key, char state, void *data) {
        auto person = person_of(key);
        if (!person) return SSH_AUTH_DENIED;
        if (state == SSH_PUBLICKEY_STATE_NONE) return SSH_AUTH_SUCCESS;  // "would this key do?"
        if (state != SSH_PUBLICKEY_STATE_VALID) return SSH_AUTH_DENIED;
        static_cast<State *>(data)->person = std::move(person);
        return SSH_AUTH_SUCCESS;
    }

    static ssh_channel on_channel(ssh_session session, void *data) {
        auto &self = *static_cast<State *>(data);
        if (!self.person || !self.main || self.channels.size() >= self.settings.channels) return nullptr;
        ssh_channel channel = ssh_channel_new(session);
        if (channel) self.channels.push_back(std::make_unique<Channel>(channel, self.main));
        return channel;
    }
};

Connection::Connection(UniqueFd client, const std::string &host_key, ConnectionSettings settings)
    : state_(std::make_unique<State>()) {
    State &state = *state_;
    state.settings = settings;
    ssh_key key = nullptr;
    if (ssh_pki_import_privkey_base64(host_key.c_str(), nullptr, nullptr, nullptr, &key) != SSH_OK)
        throw Failure(Code::invalid, "the host key is not an OpenSSH private key: make a new one with ssh-keygen -t ed25519");
    state.bind = ssh_bind_new();
    state.session = ssh_new();
    bool no = false;
    unsigned rsa_bits = 2048;
    ssh_bind_options_set(state.bind, SSH_BIND_OPTIONS_PROCESS_CONFIG, &no);  // never /etc/ssh
    ssh_bind_options_set(state.bind, SSH_BIND_OPTIONS_IMPORT_KEY, key);      // takes it over
    ssh_bind_options_set(state.bind, SSH_BIND_OPTIONS_RSA_MIN_SIZE, &rsa_bits);
    ssh_bind_options_set(state.bind, SSH_BIND_OPTIONS_PUBKEY_ACCEPTED_KEY_TYPES, accepted_keys);
    ssh_bind_options_set(state.bind, SSH_BIND_OPTIONS_BANNER, "seed");
    tune(client.get());
    ::fcntl(client.get(), F_SETFD, FD_CLOEXEC);
    state.remote = remote_of(client.get());
    if (ssh_bind_accept_fd(state.bind, state.session, client.get()) != SSH_OK)
        throw Failure(Code::internal, std::string("the connection cannot be taken over: ") + ssh_get_error(state.bind));
    state.fd = client.release();
    state.userdata = &state;
    state.auth_pubkey_function = State::on_public_key;
    state.channel_open_request_session_function = State::on_channel;
    ssh_callbacks_init(&state);
    ssh_set_server_callbacks(state.session, &state);
    ssh_set_auth_methods(state.session, SSH_AUTH_METHOD_PUBLICKEY);
    ssh_set_blocking(state.session, 0);
}

Connection::~Connection() = default;

const Person &Connection::person() const {
    return *state_->person;
}
std::string Connection::remote() const {
    return state_->remote;
}

bool Connection::log_in() {
    State &state = *state_;
    auto deadline = Clock::now() + state.settings.login_patience;
    auto left_ms = [&] { return int(std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count()); };
    for (;;) {
        int result = ssh_handle_key_exchange(state.session);
        if (result == SSH_OK) break;
        if (result != SSH_AGAIN || left_ms() <= 0) return false;
        pollfd wait{state.fd, short(POLLIN | (state.has_output() ? POLLOUT : 0)), 0};
        if (::poll(&wait, 1, left_ms()) < 0 && errno != EINTR) return false;
    }
    state.event = ssh_event_new();
    ssh_event_add_session(state.event, state.session);
    while (!state.person) {
        std::vector<pollfd> nothing;
        if (left_ms() <= 0 || !state.step(nothing, left_ms())) return false;
    }
    return true;
}

void Connection::serve(JobMain main) {
    State &state = *state_;
    state.main = std::move(main);
    auto last_work = Clock::now();
    for (;;) {
        bool may_send = !state.has_output();
        // By index: libssh may open another channel while one is pumped.
        for (size_t at = 0; at < state.channels.size(); ++at)
            if (!state.channels[at]->pump(may_send)) return;
        if (std::any_of(state.channels.begin(), state.channels.end(), [](auto &channel) { return channel->fresh(); })) continue;
        std::erase_if(state.channels, [](auto &channel) { return channel->finished(); });
        if (!state.alive()) return;

        auto now = Clock::now();
        bool busy = std::any_of(state.channels.begin(), state.channels.end(), [](auto &channel) { return channel->running(); });
        if (busy) last_work = now;
        auto left = state.settings.idle_patience - (now - last_work);
        if (left <= left.zero()) return;

        std::vector<pollfd> polls;
        may_send = !state.has_output();
        for (auto &channel : state.channels) channel->add_polls(polls, may_send);
        auto left_ms = std::chrono::duration_cast<std::chrono::milliseconds>(left).count() + 1;
        if (!state.step(polls, busy ? -1 : int(left_ms))) return;
    }
}

}  // namespace seed::front
