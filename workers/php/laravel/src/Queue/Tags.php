<?php

declare(strict_types=1);

namespace RelayRunner\Laravel\Queue;

use Illuminate\Broadcasting\BroadcastEvent;
use Illuminate\Database\Eloquent\Model;
use Illuminate\Events\CallQueuedListener;
use Illuminate\Mail\SendQueuedMailable;
use Illuminate\Notifications\SendQueuedNotifications;

/** Members of a payload by which tools that read Horizon's know a job: its type, its tags, and when it was pushed. */
final class Tags
{
    /** @return array{type: string, tags: list<string>, pushedAt: string} */
    public static function of(mixed $job): array
    {
        return [
            'type' => self::typeOf($job),
            'tags' => is_object($job) ? self::tagsOf($job) : [],
            'pushedAt' => str_replace(',', '.', (string) microtime(true)),
        ];
    }

    private static function typeOf(mixed $job): string
    {
        return match (true) {
            $job instanceof BroadcastEvent => 'broadcast',
            $job instanceof CallQueuedListener => 'event',
            $job instanceof SendQueuedMailable => 'mail',
            $job instanceof SendQueuedNotifications => 'notification',
            default => 'job',
        };
    }

    /** A job's own tags, else the models that it holds. @return list<string> */
    private static function tagsOf(object $job): array
    {
        if (method_exists($job, 'tags')) {
            return array_values(array_map(strval(...), (array) $job->tags()));
        }
        $tags = [];
        foreach (get_object_vars($job) as $value) {
            foreach (is_iterable($value) ? $value : [$value] as $one) {
                if ($one instanceof Model) {
                    $tags[] = $one::class . ':' . $one->getKey();
                }
            }
        }
        return array_values(array_unique($tags));
    }
}
