; Ports: IN, OUT, INS, OUTS, IOPL, the permission bitmap of the TSS; see check.inc. SCRATCH keeps a byte, NOBODY reads as ones.
org 0x100000
bits 32
        jmp entry
        align 8
entry:
%include "long-mode.inc"
%include "wide64.inc"
%include "check.inc"
%include "check64.inc"
TEST_GDT_BYTES equ 0x100
SCRATCH equ 0x3ff
NOBODY equ 0x1230
BITMAP equ 0x68

; Ring 3 with IOPL 3.
%macro user_iopl3 0
        push 0x33
        push USER_STACK
        push 0x3002
        push 0x3b
        mov rax, %%code
        push rax
        xor eax, eax
        iretq
%%code:
%endmacro
; Allows or forbids a port in the bitmap.
%macro allow 1
        and byte [task + BITMAP + (%1) / 8], ~(1 << ((%1) % 8))
%endmacro
%macro forbid 1
        or byte [task + BITMAP + (%1) / 8], 1 << ((%1) % 8)
%endmacro

long_mode:
        call check_setup
        mov eax, 0x80
        ltr ax

check "OUT and IN: DX, byte"
        mov dx, SCRATCH
        mov al, 0x5a
        out dx, al
        mov rax, 0x1122334455667788
        in al, dx
        done
check "IN: DX, word"
        mov dx, NOBODY
        mov rax, 0x1122334455667788
        in ax, dx
        done
check "IN: DX, doubleword"
        mov dx, NOBODY
        mov rax, 0x1122334455667788
        in eax, dx
        done
check "IN: REX.W has no meaning"
        mov dx, NOBODY
        mov rax, 0x1122334455667788
        db 0x48, 0xed
        done
check "IN: immediate, byte"
        mov rax, 0x1122334455667700
        in al, 0xf8
        done
check "IN: immediate, doubleword"
        in eax, 0xf8
        done
check "OUT: immediate"
        out 0xf8, al
        out 0xf8, ax
        out 0xf8, eax
        done
check "OUT: DX, word and doubleword"
        mov dx, NOBODY
        out dx, ax
        out dx, eax
        done
check "INSB"
        mov dx, SCRATCH
        mov al, 0xa5
        out dx, al
        mov edi, buffer
        insb
        movzx eax, byte [buffer]
        show rax
        mov rax, rdi
        sub rax, buffer
        done
check "REP INSW"
        mov dx, NOBODY
        mov edi, buffer
        mov ecx, 3
        rep insw
        show rcx
        mov rax, [buffer]
        done
check "REP INSD down, 32-bit addresses"
        mov dx, NOBODY
        mov rdi, 0x100000000 + buffer + 4
        mov rcx, 0x100000002
        std
        a32 rep insd
        cld
        mov rax, rcx
        show rax
        mov rax, rdi
        sub rax, buffer
        done
check "REP INSB: RCX is 0"
        mov edi, buffer
        rep insb
        mov rax, rdi
        sub rax, buffer
        done
check "OUTSB"
        mov dx, SCRATCH
        mov byte [buffer], 0x3c
        mov esi, buffer
        outsb
        in al, dx
        show rax
        mov rax, rsi
        sub rax, buffer
        done
check "REP OUTSW"
        mov dx, NOBODY
        mov esi, buffer
        mov ecx, 2
        rep outsw
        show rcx
        mov rax, rsi
        sub rax, buffer
        done
check "OUTSD: FS"
        set_msr 0xc0000100, buffer
        mov edx, NOBODY
        mov esi, 8
        fs outsd
        mov rax, rsi
        done
check "OUTSB: not canonical"
        mov rsi, 0x800000000000
        mov dx, SCRATCH
        outsb
        done
check "INSB: not canonical"
        mov rdi, 0x800000000000
        mov dx, SCRATCH
        insb
        done
check "ring 3, IOPL 0, no bit: IN"
        user
        mov dx, SCRATCH
        in al, dx
        leave_user
        done
check "ring 3, IOPL 3: IN and OUT"
        user_iopl3
        mov dx, SCRATCH
        mov al, 0x77
        out dx, al
        xor eax, eax
        in al, dx
        leave_user
        done
        allow SCRATCH
check "ring 3, bit clear: IN, byte"
        user
        mov dx, SCRATCH
        in al, dx
        leave_user
        done
check "ring 3, bit clear: OUT, byte"
        user
        mov dx, SCRATCH
        mov al, 0x78
        out dx, al
        xor eax, eax
        in al, dx
        leave_user
        done
check "ring 3, next bit set: IN, word"
        user
        mov dx, SCRATCH
        in ax, dx
        leave_user
        done
        allow NOBODY
        allow NOBODY + 1
        allow NOBODY + 2
check "ring 3, two of three bits: IN, word"
        user
        mov dx, NOBODY + 1
        in ax, dx
        leave_user
        done
check "ring 3, three of four bits: IN, doubleword"
        user
        mov dx, NOBODY
        in eax, dx
        leave_user
        done
        allow NOBODY + 3
check "ring 3, four of four bits: IN, doubleword"
        user
        mov dx, NOBODY
        in eax, dx
        leave_user
        done
        allow NOBODY + 6
        allow NOBODY + 7
        allow NOBODY + 8
        allow NOBODY + 9
check "ring 3, bits in two bytes: IN, doubleword"
        user
        mov dx, NOBODY + 6
        in eax, dx
        leave_user
        done
        forbid NOBODY + 9
check "ring 3, last bit of two bytes set: IN, doubleword"
        user
        mov dx, NOBODY + 6
        in eax, dx
        leave_user
        done
        allow 0xf8
check "ring 3: immediate IN"
        user
        in al, 0xf8
        leave_user
        done
check "ring 3: immediate OUT without a bit"
        user
        out 0xf4, al
        leave_user
        done
check "ring 3: INSB"
        user
        mov dx, SCRATCH
        mov edi, buffer
        insb
        movzx eax, byte [buffer]
        leave_user
        done
check "ring 3: REP OUTSB without a bit"
        user
        mov dx, NOBODY + 4
        mov esi, buffer
        mov ecx, 2
        rep outsb
        leave_user
        done
check "ring 3: REP OUTSB without a bit, RCX is 0"
        user
        mov dx, NOBODY + 4
        mov esi, buffer
        rep outsb
        leave_user
        done
check "ring 3: the last port of the bitmap"
        user
        mov dx, 0x12ff
        in al, dx
        leave_user
        done
check "ring 3: beyond the limit of the TSS"
        user
        mov dx, 0x1300
        in al, dx
        leave_user
        done
check "ring 3, compatibility mode: IN"
        user32
bits 32
        mov dx, SCRATCH
        in al, dx
        leave_user
bits 64
        done
        mov word [task + 0x66], 0xffff
check "ring 3: the bitmap begins beyond the limit"
        user
        mov dx, SCRATCH
        in al, dx
        leave_user
        done
        jmp check_end

        align 16
buffer:         times 4 dq 0
task:
        times 4 db 0
        dq 0x90000, 0, 0, 0
        dq 0x91000, 0x92000, 0, 0, 0, 0, 0
        times 0x66 - ($ - task) db 0
        dw BITMAP
        times 0x1300 / 8 - 1 db 0xff
        db 0x7f
task_end:
        db 0xff
%include "check64-setup.inc"
%include "check-output.inc"
%include "serial.inc"
        align 16
test_gdt:
        times 0x80 db 0
        dw task_end - task, address(task) & 0xffff, 0x8900 | (address(task) >> 16), 0
        dq 0
        times TEST_GDT_BYTES - ($ - test_gdt) db 0
