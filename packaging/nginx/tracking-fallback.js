// Leads tracked links on while Pillarbox does not answer, and only those: each link is verified by its own
// signature, with the keys that `pillarbox tracking keys` prints. Whoever does not have them cannot make this host
// lead anywhere. Used by tracking-fallback.conf; works with njs 0.7.9 (Debian 12) and later.

import fs from 'fs';
import crypto from 'crypto';

var LINK = /^\/CL0\/(.+)\/([0-9]{1,6})\/([0-9a-f]{16}-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}-[0-9]{6})\/([A-Za-z0-9_-]{43,})=?([0-9]{1,6})$/;
var PIXEL = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64');
var MAC_BYTES = 30;
var FIXED_BYTES = 32;
var MOST_DECODED = 3;

var keys = null;

function read_keys(r) {
    if (keys === null) {
        keys = JSON.parse(fs.readFileSync(r.variables.pillarbox_keys, 'utf8'));
    }
    return keys;
}

// One level of percent decoding, byte for byte; null for what is no such code.
function decoded(text) {
    try {
        return text.indexOf('%') < 0 ? text : decodeURIComponent(text);
    } catch (e) {
        return null;
    }
}

function is_signed(secret, url, number, message, octets) {
    var recipient = octets[0] * 256 + octets[1];
    var content = Buffer.concat([
        Buffer.from('link\n' + message + '\n' + recipient + '\n' + number + '\n'),
        octets.slice(FIXED_BYTES),
        Buffer.from('\n' + url),
    ]);
    var mac = crypto.createHmac('sha256', Buffer.from(secret, 'hex')).update(content).digest('hex');
    var given = octets.slice(2, FIXED_BYTES).toString('hex');
    var difference = 0;
    for (var i = 0; i < 2 * MAC_BYTES; i++) {
        difference |= mac.charCodeAt(i) ^ given.charCodeAt(i);
    }
    return difference === 0;
}

// The target of a link as it was sent, or as a mail client made it by decoding it; null for one that is not ours.
function target(r) {
    var path = r.variables.request_uri;
    for (var level = 0; level <= MOST_DECODED && path !== null; level++) {
        var found = LINK.exec(path);
        var secret = found && read_keys(r)[found[5]];
        if (secret) {
            var octets = Buffer.from(found[4], 'base64url');
            var candidates = [decoded(found[1]), found[1], found[1].replace(/^(https?):\/+/i, '$1://')];
            for (var i = 0; i < candidates.length; i++) {
                var url = candidates[i];
                if (url && /^https?:\/\/[!-~]+$/i.test(url) && is_signed(secret, url, found[2], found[3], octets)) {
                    return url;
                }
            }
        }
        var next = decoded(path);
        path = next === path ? null : next;
    }
    return null;
}

function follow(r) {
    var is_asking = r.method === 'GET' || r.method === 'HEAD';
    var url = is_asking ? target(r) : null;
    r.headersOut['Cache-Control'] = 'no-store, no-cache, must-revalidate, private, max-age=0';
    if (url) {
        r.return(302, url);
    } else if (is_asking && r.variables.request_uri.indexOf('/CI0/') === 0) {
        r.headersOut['Content-Type'] = 'image/gif';
        r.return(200, PIXEL);
    } else {
        r.headersOut['Content-Type'] = 'text/plain; charset=utf-8';
        r.return(400, 'This link does not work. Please open it from the message again.\n');
    }
}

export default {follow};
