using System.CommandLine;
using Quorate.Cli.Rendering;
using Quorate.Core;
using Quorate.Crypto;
using Quorate.Crypto.Keys;
using Quorate.Log;

namespace Quorate.Cli.Commands;

/// <summary><c>quorate key …</c>: the keys that sign logs.</summary>
static class KeyCommands
{
    public static Command Build(CliHost host) => new("key", "Make and look at log signing keys") { New(host), Show(host) };

    static Argument<string> FileArgument() => new("FILE") { Description = "The private key file" };

    static Command New(CliHost host)
    {
        var file = FileArgument();
        var format = new Option<string>("--format")
        {
            Description = "trustix (base64, the default) or pem (PKCS#8)",
            HelpName = "FORM",
            DefaultValueFactory = _ => "trustix",
        };
        format.AcceptOnlyFromAmong("trustix", "pem");
        var publicFile = new Option<string?>("--public-file") { Description = "Also write the public key to this file", HelpName = "FILE" };
        var json = CommandLine.Json();
        var command = new Command("new", "Make an Ed25519 key for a log; prints its public key and log ids")
        {
            file,
            format,
            publicFile,
            json,
        };
        command.Teach(
            "The file is written with mode 0600 and never overwrites another. Give others the public key; who has the file is the builder.",
            "quorate key new alice.key",
            "quorate key new alice.pem --format pem"
        );
        command.SetAction(
            async (parse, _) =>
            {
                using var key = Ed25519PrivateKey.Generate();
                var path = parse.GetRequiredValue(file);
                KeyFiles.WritePrivate(path, key, parse.GetValue(format) == "pem" ? PrivateKeyForm.Pkcs8 : PrivateKeyForm.Trustix);
                if (parse.GetValue(publicFile) is { } other)
                {
                    KeyFiles.WritePublic(other, key.PublicKey);
                }
                await WriteAsync(host, key.PublicKey, path, parse.GetValue(json));
                return ExitCode.Ok;
            }
        );
        return command;
    }

    static Command Show(CliHost host)
    {
        var file = new Argument<string>("FILE") { Description = "A private or public key file" };
        var publicOnly = new Option<bool>("--public") { Description = "Print the public key alone" };
        var json = CommandLine.Json();
        var command = new Command("show", "Print a key file's public key and log ids") { file, publicOnly, json };
        command.Teach("Never prints a private key.", "quorate key show alice.key", "quorate key show alice.key --public");
        command.SetAction(
            async (parse, _) =>
            {
                var path = parse.GetRequiredValue(file);
                var key = Read(host, path);
                if (parse.GetValue(publicOnly))
                {
                    await host.Out.WriteLineAsync(key.ToString());
                }
                else
                {
                    await WriteAsync(host, key, path, parse.GetValue(json));
                }
                return ExitCode.Ok;
            }
        );
        return command;
    }

    static Ed25519PublicKey Read(CliHost host, string path)
    {
        try
        {
            var file = KeyFiles.ReadPrivate(path);
            using (file.Key)
            {
                if (file.ReadableByOthers)
                {
                    host.Error.WriteLine($"quorate: warning: others may read {path}; run: chmod 600 {path}");
                }
                return file.Key.PublicKey;
            }
        }
        catch (MalformedException privateFault)
        {
            try
            {
                return KeyFiles.ReadPublic(path);
            }
            catch (MalformedException)
            {
                throw new CliException($"{path} is no key file: {privateFault.Message}");
            }
        }
    }

    static async Task WriteAsync(CliHost host, Ed25519PublicKey key, string path, bool json)
    {
        var ids = Protocol.Known.Select(p => (p.Name, Id: LogId.Compute(p, key).Text)).ToArray();
        if (json)
        {
            await host.WriteJsonAsync(w =>
            {
                w.WriteString("file", path);
                w.WriteString("publicKey", key.ToString());
                w.WriteStartObject("logIds");
                foreach (var (name, id) in ids)
                {
                    w.WriteString(name, id);
                }
                w.WriteEndObject();
            });
            return;
        }
        var lines = ids.Select(i => (Label: $"log id ({i.Name})", Text: i.Id))
            .Prepend((Label: "public key", Text: key.ToString()))
            .ToArray();
        var width = lines.Max(l => l.Label.Length);
        foreach (var (label, text) in lines)
        {
            await host.Out.WriteLineAsync($"{label.PadRight(width)}  {text}");
        }
    }
}
